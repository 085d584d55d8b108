/* The commands of the tool, each in cmd_NAME.c. argv[0] is the command's name; the value returned is an exit code of
 * tool.h. */
#ifndef ESPALIER_TOOL_COMMANDS_H
#define ESPALIER_TOOL_COMMANDS_H

int espalier_cmd_train(int argc, char **argv);
int espalier_cmd_compress(int argc, char **argv);
int espalier_cmd_inspect(int argc, char **argv);
int espalier_cmd_eval(int argc, char **argv);
int espalier_cmd_run(int argc, char **argv);
int espalier_cmd_compare(int argc, char **argv);
int espalier_cmd_boards(int argc, char **argv);
int espalier_cmd_devices(int argc, char **argv);
int espalier_cmd_bench_link(int argc, char **argv);
int espalier_cmd_doctor(int argc, char **argv);

#endif
