/** Status codes and error messages: how every function of the library reports failure. */
#ifndef ESPALIER_STATUS_H
#define ESPALIER_STATUS_H

/** What went wrong, for a program. The numbers are stable; the tool's exit codes are made from them. */
enum espalier_status {
    ESPALIER_OK = 0,
    ESPALIER_ERR_MEMORY,     /**< out of memory */
    ESPALIER_ERR_IO,         /**< a file or a link could not be read or written */
    ESPALIER_ERR_FORMAT,     /**< a file, image or frame is malformed or damaged */
    ESPALIER_ERR_RANGE,      /**< an argument or a number in a file is out of its legal range */
    ESPALIER_ERR_FIT,        /**< the network does not fit the device */
    ESPALIER_ERR_DEVICE,     /**< the device refused, ended a run with an error, or answered nonsense */
    ESPALIER_ERR_TIMEOUT,    /**< the device did not answer in time */
    ESPALIER_ERR_DIVERGED,   /**< training produced a loss or a weight that is not finite */
    ESPALIER_ERR_MISMATCH,   /**< hardware and reference engine disagree */
    ESPALIER_ERR_NO_DEVICE,  /**< there is no such device, or it has been unplugged */
    ESPALIER_ERR_PERMISSION, /**< this user may not open the device */
    ESPALIER_ERR_BUSY,       /**< another program or a driver has the device */
    ESPALIER_ERR_CANCELLED   /**< somebody asked for it to end */
};

/** What went wrong, for a person. Owned by the caller; it tells something after a failure only. */
struct espalier_error {
    enum espalier_status status;
    char message[256]; /**< one sentence with the place, for instance "lenet.esp: layer 3: gap field of 5 bits cannot
                          hold 40" */
};

/** Fills @p error (which may be NULL) with a printf-style message and returns @p status, so that a function can end
 * with it. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
enum espalier_status
espalier_fail(struct espalier_error *error, enum espalier_status status, const char *format, ...);

#endif
