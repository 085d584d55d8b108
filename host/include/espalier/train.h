/** Float training of a network on labelled images: minibatch Adam on the softmax cross-entropy. */
#ifndef ESPALIER_TRAIN_H
#define ESPALIER_TRAIN_H

#include <espalier/dataset.h>
#include <espalier/network.h>

/** Where training is; given to the progress callback after every batch, and once more at the end of an epoch. A job
 * that is taken up from its state begins with the last epoch that was finished, once more. */
struct espalier_progress {
    const char *stage;      /**< what is being done, for instance "train", "prune 1/3" */
    uint32_t epoch, epochs; /**< of this stage: 1 to epochs */
    uint32_t step, steps;   /**< batches of this epoch done, and all of them */
    double done;            /**< share of the whole job done, 0 to 1 */
    double loss;            /**< mean cross-entropy of the epoch's batches so far */
    uint32_t finished;      /**< epochs of the whole job, trials of a search with them */
    bool resumed;           /**< this epoch was finished before; the job goes on behind it */
    bool epoch_end;         /**< the fields below are there */
    double residual;        /**< ||W - Z|| / ||W|| over all constraints of ADMM; 0 elsewhere */
    double accuracy;        /**< share of the held-out images classified right; 0 if there are none */
    double held_out_loss;   /**< mean cross-entropy of the held-out images; 0 if there are none */
    uint64_t kept_weights;
    uint64_t bits; /**< what the network would pack to in its format, with its masks as they are now and values of the
                      bits wanted; 0 in plain training. In training with levels: what the model of this moment does. */
};

/** Called from the training thread. Returns false to stop: training then ends with ESPALIER_ERR_CANCELLED. */
typedef bool espalier_progress_callback(void *context, const struct espalier_progress *progress);

/** How to train. Start from espalier_train_defaults. */
struct espalier_train_options {
    uint32_t epochs;     /**< 1 or more */
    uint32_t batch;      /**< images a step, 1 to 1,024 */
    uint32_t held_out;   /**< the last images of the set, used to judge and never to train */
    uint32_t use;        /**< train on the first this many images only; 0 = all that are not held out */
    uint64_t seed;       /**< of the order of images, augmentation and dropout */
    float learning_rate; /**< at the start; falls to 0 along half a cosine */
    float dropout;       /**< share of hidden fully connected activations dropped, 0 to 0.9 */
    float noise;         /**< variance, 0 to 1, of the normal numbers of mean 1 by which the inputs of all layers are
                            multiplied, in all stages: Gaussian dropout (Srivastava et al. 2014, section 10). What
                            little is left of a network learns less by heart. 0: none */
    float augment;       /**< strength of random shift, rotation, scale and shear; 0 = none, 1 = mild */
    bool normalize; /**< with batch normalization, folded into weights and biases at a stage's end (compression: when it
                       retrains; choosing and ADMM are always without, training with levels with but for its last
                       quarter). Rows of a network that was trained with it are all alike in size: ADMM then finds it
                       hard to choose. */
    const struct espalier_network *teacher; /**< whose softened answers are learned beside the labels, in all stages but
                                               variational dropout's; same images and classes. NULL: none */
    float distill;                          /**< the teacher's share of the loss, 0 to 1 */
    float temperature;                      /**< that softens the answers, over 0 */
    uint32_t threads;                       /**< that share a batch, 1 to 64; the batch is a multiple of it */
    espalier_progress_callback *progress;   /**< may be NULL */
    void *context;                          /**< handed to progress */
    const char *state; /**< file in which the job is kept at every epoch's end, and from which it is taken up if it is
                          there: the result is, bit for bit, that of a job which was never interrupted. It stays when
                          the job is done: remove it when the result is safe. NULL: none. Of no meaning to the result */
};

/** 20 epochs, batch 64, 5,000 images held out, mild augmentation. */
struct espalier_train_options espalier_train_defaults(void);

/** Trains all weights whose mask is 1 and all biases of @p network, in place.
 *  The same seed, build, processor and number of threads give the same network bit for bit.
 *  @param data  images with labels
 *  @return ESPALIER_ERR_RANGE if the images do not suit the network, have no labels, or the options are out of range,
 *          ESPALIER_ERR_DIVERGED at the first loss, or weights at a stage's end, that are not finite,
 *          ESPALIER_ERR_MEMORY, ESPALIER_ERR_CANCELLED when stopped; for a state: ESPALIER_ERR_IO, ESPALIER_ERR_FORMAT
 *          if it is damaged or none, ESPALIER_ERR_RANGE if it is of another job. The network is then of no use. */
enum espalier_status espalier_train(struct espalier_network *network, const struct espalier_dataset *data,
                                    const struct espalier_train_options *options, struct espalier_error *error);

/** The logits of @p count images, in float arithmetic, with pixels as rule A1 gives them ((p >> 1) / 127).
 *  @param pixels  [count][height][width]
 *  @param logits  receives [count][rows of the last layer] */
enum espalier_status espalier_network_logits(const struct espalier_network *network, const uint8_t *pixels,
                                             uint32_t count, float *logits, struct espalier_error *error);

/** How well a network classifies images. */
struct espalier_judgement {
    uint32_t images, correct;
    double loss; /**< mean cross-entropy, in nats; it tells apart networks that are right as often */
};

/** Judges the network by the images @p first to first + count - 1 of @p data, in float arithmetic.
 *  @return ESPALIER_ERR_RANGE if they are not there, have no labels, or labels or a size that do not suit the network
 */
enum espalier_status espalier_network_judge(const struct espalier_network *network, const struct espalier_dataset *data,
                                            uint32_t first, uint32_t count, struct espalier_judgement *out,
                                            struct espalier_error *error);

#endif
