/* Evaluates a model over a data set on all cores: in the reference engine, or on simulated boards, whose every logit is
 * then compared with the reference engine's. eval, run and compare print what it collects. */
#ifndef ESPALIER_TOOL_EVALUATE_H
#define ESPALIER_TOOL_EVALUATE_H

#include <espalier/dataset.h>
#include <espalier/device.h>

struct evaluation_options {
    bool rtl;          /* on simulated boards; else in the reference engine */
    const char *board; /* a name from espalier_sim_boards; NULL: the default */
    const char *trace; /* FST file of one board's waves, which makes it one thread; NULL: none */
    uint32_t threads;  /* 0: as many as there are cores */
    bool alone;        /* also measure one image alone */
    /* Opens a board; NULL: espalier_sim_open, whose contract it has. */
    enum espalier_status (*open_board)(const char *board, const char *trace, struct espalier_transport *out,
                                       struct espalier_error *error);
    const char *label; /* of the progress bar */
};

/* The first place where hardware and reference engine disagree. */
struct divergence {
    uint32_t image;  /* in the data set evaluated */
    uint32_t origin; /* the same image's place in the file it came from */
    uint32_t layer;  /* counted from 1 */
    uint32_t index;  /* in the layer's [rows][out_height][out_width] */
    int32_t expected, got;
};

struct evaluation {
    uint32_t images, correct;
    uint32_t outputs; /* logits of an image */
    int32_t *logits;  /* [images][outputs], of the engine that was asked for */
    double seconds;   /* it took */
    /* The rest is 0 unless on boards. */
    uint64_t mismatches;          /* logits that differ from the reference engine's */
    struct divergence divergence; /* if mismatches > 0 */
    uint32_t lanes, positions;
    uint64_t counters[ESPALIER_COUNTERS]; /* sums over all runs, indexed by ESPALIER_COUNT_*; link: without loading */
    uint64_t load_bytes;                  /* link bytes, both ways, to open a board and load the model */
    double cycles_per_image;              /* with all slots filled */
    double cycles_alone;                  /* of a run of one image; 0 if not asked for */
    double utilisation;                   /* multiplies over cycles * lanes * positions, with all slots filled */
};

/* Evaluates a checked model. @p out is freed by evaluation_free, also after a failure.
 * @return ESPALIER_OK even if logits differ: look at mismatches; else what the library's functions return */
enum espalier_status evaluate(const struct espalier_model *model, const struct espalier_dataset *dataset,
                              const struct evaluation_options *options, struct evaluation *out,
                              struct espalier_error *error);
void evaluation_free(struct evaluation *evaluation);

/* Fills @p error with the first divergence as a sentence, and returns ESPALIER_ERR_MISMATCH. */
enum espalier_status evaluation_mismatch(const struct evaluation *evaluation, struct espalier_error *error);

#endif
