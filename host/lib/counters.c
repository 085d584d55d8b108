#include <espalier/counters.h>

static const struct espalier_counter_info counters[ESPALIER_COUNTERS] = {
    [ESPALIER_COUNT_CYCLES] = {"cycles", "cycles of all runs"},
    [ESPALIER_COUNT_BUSY] = {"busy", "cycles in which the array took a step"},
    [ESPALIER_COUNT_STALL_SETUP] = {"stall_setup", "cycles idle: prologue, column table, clearing, last drain"},
    [ESPALIER_COUNT_STALL_DECODE] = {"stall_decode", "cycles idle: a row group is being decoded"},
    [ESPALIER_COUNT_STALL_STREAM] = {"stall_stream", "cycles idle: weights have not arrived"},
    [ESPALIER_COUNT_STALL_DRAIN] = {"stall_drain", "cycles idle: the drain is busy"},
    [ESPALIER_COUNT_STALL_PORT] = {"stall_port", "cycles idle: the activation memory is writing"},
    [ESPALIER_COUNT_MULTIPLIES] = {"multiplies", "multiplications with a stored weight"},
    [ESPALIER_COUNT_FILLERS] = {"fillers", "fillers decoded"},
    [ESPALIER_COUNT_ACT_READS] = {"act_reads", "activation words read"},
    [ESPALIER_COUNT_ACT_WRITES] = {"act_writes", "activation words written"},
    [ESPALIER_COUNT_VALUE_BITS] = {"value_bits", "weight stream bits: values"},
    [ESPALIER_COUNT_INDEX_BITS] = {"index_bits", "weight stream bits: gaps, fillers included"},
    [ESPALIER_COUNT_OTHER_BITS] = {"other_bits", "weight stream bits: all else"},
    [ESPALIER_COUNT_ACC_UPDATES] = {"acc_updates", "accumulator updates"},
    [ESPALIER_COUNT_LIST_READS] = {"list_reads", "step-list entries read"},
    [ESPALIER_COUNT_LINK_IN] = {"link_in", "bytes to the device"},
    [ESPALIER_COUNT_LINK_OUT] = {"link_out", "bytes from the device"},
};

const struct espalier_counter_info *espalier_counter_table(void)
{
    return counters;
}
