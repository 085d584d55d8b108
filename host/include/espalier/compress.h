/** Compression of a trained network: ADMM pruning in progressive steps, masked retraining, purification, quantization.
 */
#ifndef ESPALIER_COMPRESS_H
#define ESPALIER_COMPRESS_H

#include <espalier/family.h>
#include <espalier/model.h>
#include <espalier/train.h>

/** What values the kept weights of a layer may have once they are quantized: integer codes times one scale, or free. */
enum espalier_level_kind {
    ESPALIER_LEVELS_CLUSTERED, /**< any 2^bits values (a codebook, 1 to 4 bits); 5 to 8 bits: linear codes */
    ESPALIER_LEVELS_UNIFORM,   /**< -2^(bits-1) to 2^(bits-1) - 1, or the reverse; 1 bit: -1 and 1 */
    ESPALIER_LEVELS_NO_ZERO,   /**< -2^(bits-1) to 2^(bits-1) without 0 (Ren et al. 2019, "ADMM-NN"); 1 to 4 bits */
    ESPALIER_LEVELS_BINARY,    /**< -1 and 1; 1 bit */
    ESPALIER_LEVELS_TERNARY    /**< -1, 0 and 1; 2 bits */
};

/** "clustered", "uniform", "no-zero", "binary" or "ternary". */
const char *espalier_level_kind_name(enum espalier_level_kind kind);

/** What one layer may keep. */
struct espalier_budget {
    uint32_t weights; /**< non-structured: single weights */
    uint32_t rows;    /**< filters; non-structured: 0 = as many as there are (each costs a count and a bias) */
    uint32_t columns; /**< structured: (channel, ky, kx) positions; gap: 0, or families that structured knows count in
                         rows and columns instead of weights */
};

/** Takes a look at a pruned network before it is quantized, for instance to keep it in a file. What it returns, if it
 * is an error, ends the job. A job that is taken up may come to it once more. */
typedef enum espalier_status espalier_keep_callback(void *context, const struct espalier_network *pruned,
                                                    struct espalier_error *error);

/** How to compress. Start from espalier_compress_defaults. */
struct espalier_compress_options {
    /** Batch, images, seed, augmentation, dropout and progress; epochs and learning_rate are of no meaning here (but
     * must be legal). */
    struct espalier_train_options train;
    enum espalier_format format;
    /** What is pruned as one, [family_count] layers of the network, or NULL: single weights and, where that saves, rows
     *  (gap); rows and columns, a constraint each (structured). Only families with one keep list go with structured,
     * and filters+columns only with it. */
    const struct espalier_family *families;
    uint32_t family_count;
    double ratio; /**< dense weights over kept ones, over 1; of no meaning for dense, N:M, or if there are budgets */
    const struct espalier_budget *budgets;   /**< [budget_count], or NULL: chosen from the ratio and the weights */
    uint32_t budget_count;                   /**< layers of the network, or 0 */
    uint8_t value_bits[ESPALIER_LAYERS_MAX]; /**< of a layer's weights; 1 to 4: a codebook; 5 to 8: linear codes */
    enum espalier_level_kind levels[ESPALIER_LAYERS_MAX]; /**< of a layer's kept weights */
    uint8_t bias_bits;                                    /**< 2 to 16 */
    uint32_t search_trials;   /**< that better the budgets first, each on at most 15,000 images; 0: none */
    uint32_t choose_epochs;   /**< of sparse variational dropout before pruning or, with 0 steps, in place of it, which
                                 families that need a projection refuse; 0: none */
    float choose_rate, prior; /**< its learning rate at the start, and the weight of its prior (1: Bayes') */
    uint32_t steps;           /**< progressive pruning steps, 1 to 16: what is left falls geometrically */
    uint32_t prune_epochs;    /**< of ADMM, in all steps together; at least one a step */
    uint32_t retrain_epochs;  /**< of masked retraining: a third of them between the steps, the rest after the last */
    uint32_t level_epochs;    /**< of ADMM towards the levels, before quantize_epochs; 0: none */
    uint32_t quantize_epochs; /**< of training with quantized weights and activations; 0: rounded after training */
    float prune_rate, retrain_rate, quantize_rate; /**< learning rates at the start of a stage; that with levels is for
                                                      biases, and for weights in proportion to a level's width */
    float dampen; /**< 0 to 1; grows from 0 to this while weights are trained with levels: at its end only derivatives
                     whose mean is more than about this share of their deviation move a weight to another level. 0: none
                   */
    uint32_t reset_updates; /**< updates of Z and U, 4 an epoch, after which ADMM's learning rate begins anew (Zhang et
                               al. 2018 reset it at each); 0: it falls over the whole of a step */
    float rho_first, rho_last;             /**< penalty of ADMM at the start and at the end of a step, over 0 */
    const char *made_by;                   /**< for the model: the command line */
    const struct espalier_network *pruned; /**< espalier_compress: what pruning of the network gave before; it is then
                                              quantized as it is, unless a state says that this was begun. Or NULL */
    espalier_keep_callback *keep;          /**< espalier_compress: given what pruning gives; may be NULL */
    void *keep_context;                    /**< handed to keep */
};

/** The recipe of a format. */
struct espalier_compress_options espalier_compress_defaults(enum espalier_format format);

/** Prunes a copy of @p network, and retrains it.
 *
 *  With choose_epochs, sparse variational dropout (Molchanov et al. 2017) chooses what is kept, with one noise for each
 * row, column, channel, block or weight as the layer's family has it: down to the ratio if there are no steps, else as
 * the start and the budgets of ADMM. A step is ADMM (Zhang et al. 2018: Z = projection of W
 * + U, U += W - Z, loss + rho/2 ||W - Z + U||^2, rho growing) towards the step's budgets, the hard projection,
 * purification (rows that nobody reads and columns that nobody writes go) and masked retraining.
 *
 *  @param network  a trained network; unchanged
 *  @param data     training images; the last train.held_out of them are only used to judge
 *  @param out      receives the pruned network, to be freed by espalier_network_free; NULL on failure
 *  @return ESPALIER_ERR_RANGE for options out of range, or if pruning left nothing that joins input and output; or as
 *          espalier_train */
enum espalier_status espalier_prune(const struct espalier_network *network, const struct espalier_dataset *data,
                                    const struct espalier_compress_options *options, struct espalier_network **out,
                                    struct espalier_error *error);

/** Quantizes weights, biases and activations of a copy of a pruned network inside the training loop, with
 * straight-through derivatives. The options are those of espalier_prune; what it did is counted as done.
 *
 *  @param network  unchanged
 *  @param data     training images; the last train.held_out of them are only used to judge
 *  @param out      receives the model, checked; to be freed by espalier_model_free; NULL on failure
 *  @return ESPALIER_ERR_RANGE for options out of range, or as espalier_train */
enum espalier_status espalier_quantize(const struct espalier_network *network, const struct espalier_dataset *data,
                                       const struct espalier_compress_options *options, struct espalier_model **out,
                                       struct espalier_error *error);

/** Both, and one job for train.state. */
enum espalier_status espalier_compress(const struct espalier_network *network, const struct espalier_dataset *data,
                                       const struct espalier_compress_options *options, struct espalier_model **out,
                                       struct espalier_error *error);

#endif
