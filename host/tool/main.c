/* The command-line tool: a table of commands. */
#include "commands.h"
#include "tool.h"

#include <errno.h>
#include <espalier/version.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} commands[] = {
    {"train", espalier_cmd_train, "train LeNet-5 on MNIST, in float"},
    {"compress", espalier_cmd_compress, "prune and quantize a trained network with ADMM, into an .esp model"},
    {"inspect", espalier_cmd_inspect, "where the bits of a model go: values, indices, fillers, the rest"},
    {"eval", espalier_cmd_eval,
     "accuracy of a model, in the reference engine, the RTL or a device, compared bit for bit"},
    {"run", espalier_cmd_run, "classify one image and show the scores"},
    {"compare", espalier_cmd_compare, "several models on the same images and boards, in one table"},
    {"boards", espalier_cmd_boards, "the simulated boards and what they can do"},
    {"devices", espalier_cmd_devices, "the devices on USB, and what stands in the way of using them"},
    {"bench-link", espalier_cmd_bench_link, "throughput and round trips of the link to a device"},
    {"doctor", espalier_cmd_doctor, "what is installed, what is missing, and the line that mends it"},
};

static void help(FILE *out)
{
    fputs("Espalier: an FPGA accelerator for compressed neural networks, and a bench for what sparsity costs.\n\n"
          "usage: espalier COMMAND [OPTION]... [ARGUMENT]...\n\n",
          out);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].summary);
    fputs("\n\"espalier COMMAND --help\" explains a command and gives examples. All take --json and then print JSON "
          "for scripts.\n\"espalier --version\" tells the version.\n"
          "\nexit codes:\n",
          out);
    tool_exit_codes(out);
}

static int run(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "--help";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        help(argc > 1 ? stdout : stderr);
        return argc > 1 ? TOOL_OK : TOOL_USAGE;
    }
    if (strcmp(name, "--version") == 0) {
        puts("espalier " ESPALIER_VERSION);
        return TOOL_OK;
    }
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(name, commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    fprintf(stderr, "espalier: there is no command \"%s\"; \"espalier --help\" lists them\n", name);
    return TOOL_USAGE;
}

/* A command that is done has printed to its end, or it is not done. */
int main(int argc, char **argv)
{
    int code = run(argc, argv);
    bool lost = ferror(stdout) != 0;

    errno = 0;
    if ((fflush(stdout) == 0 && !lost) || code != TOOL_OK)
        return code;
    fprintf(stderr, "espalier: what it printed is lost: %s\n",
            errno != 0 ? strerror(errno) : "it could not be written");
    return TOOL_FAILURE;
}
