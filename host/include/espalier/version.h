/** The version of library and tool. */
#ifndef ESPALIER_VERSION_H
#define ESPALIER_VERSION_H

#define ESPALIER_VERSION "0.1.0"

#endif
