// Every Verilated block behind the C interface of shim.h. ./verilate writes models.h and models.inc.
#include "models.h"
#include <algorithm>
#include <initializer_list>
#include <memory>
#include <new>
#include <verilated.h>

extern "C" {
#include "shim.h"
}

namespace
{

constexpr int RANDOM_POWER_UP = 2;

template <class Model> struct Block {
    VerilatedContext context;
    std::unique_ptr<Model> model;
};

void tell(std::initializer_list<block_port> all, block_port *ports)
{
    std::copy_n(all.begin(), std::min<size_t>(all.size(), BLOCK_PORTS), ports);
}

#define PORT(name, bits) {#name, bits, &model.name},
#define BLOCK(Model, module, parameters, ...)                                                                          \
    void tell_ports(Model &model, block_port *ports)                                                                   \
    {                                                                                                                  \
        tell({__VA_ARGS__}, ports);                                                                                    \
    }
#include "models.inc"
#undef BLOCK

template <class Model> void *power_up(uint32_t seed, block_port *ports)
{
    try {
        auto block = std::make_unique<Block<Model>>();
        block->context.randReset(RANDOM_POWER_UP);
        block->context.randSeed(static_cast<int>(seed >> 1) | 1);
        block->model = std::make_unique<Model>(&block->context);
        tell_ports(*block->model, ports);
        return block.release();
    } catch (const std::bad_alloc &) {
        return nullptr;
    }
}

template <class Model> void evaluate(void *block)
{
    static_cast<Block<Model> *>(block)->model->eval();
}

template <class Model> void power_down(void *block)
{
    delete static_cast<Block<Model> *>(block);
}

} // namespace

#define BLOCK(Model, module, parameters, ...) {module, parameters, power_up<Model>, evaluate<Model>, power_down<Model>},
const struct block_model block_models[] = {
#include "models.inc"
};
const unsigned block_model_count = sizeof block_models / sizeof block_models[0];
