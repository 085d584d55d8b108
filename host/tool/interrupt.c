/* A handler may do next to nothing: it posts a semaphore. A thread waits for that and cancels. */
#include "interrupt.h"

#include <espalier/usb.h>

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

static const int signals[] = {SIGINT, SIGTERM};
enum { SIGNALS = sizeof signals / sizeof signals[0] };

static sem_t wake; /* the one thing that a handler can reach */

struct guard {
    struct espalier_transport inner;
    pthread_t thread;
    atomic_bool over; /* it is closed: nothing to cancel */
    struct sigaction before[SIGNALS];
};

static void handle(int number)
{
    (void)number;
    sem_post(&wake);
}

static void *wait_for_signal(void *context)
{
    struct guard *guard = context;
    while (sem_wait(&wake) != 0)
        ;
    if (!atomic_load(&guard->over))
        espalier_usb_cancel(&guard->inner);
    return NULL;
}

/* Whoever started this program so that it ignores a signal means it. */
static void install(struct guard *guard)
{
    struct sigaction action = {.sa_handler = handle, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < SIGNALS; i++) {
        sigaction(signals[i], NULL, &guard->before[i]);
        if (guard->before[i].sa_handler != SIG_IGN)
            sigaction(signals[i], &action, NULL);
    }
}

static enum espalier_status guarded_send(void *context, const uint8_t *bytes, size_t size, size_t *sent)
{
    struct guard *guard = context;
    return guard->inner.send(guard->inner.context, bytes, size, sent);
}

static enum espalier_status guarded_receive(void *context, uint8_t *bytes, size_t size, bool wait, size_t *received)
{
    struct guard *guard = context;
    return guard->inner.receive(guard->inner.context, bytes, size, wait, received);
}

static void guarded_close(void *context)
{
    struct guard *guard = context;
    for (int i = 0; i < SIGNALS; i++)
        sigaction(signals[i], &guard->before[i], NULL);
    atomic_store(&guard->over, true);
    sem_post(&wake);
    pthread_join(guard->thread, NULL);
    sem_destroy(&wake);
    guard->inner.close(guard->inner.context);
    free(guard);
}

enum espalier_status interrupt_cancels(struct espalier_transport *transport, struct espalier_error *error)
{
    struct guard *guard = calloc(1, sizeof *guard);
    if (guard) {
        guard->inner = *transport;
        atomic_init(&guard->over, false);
        sem_init(&wake, 0, 0);
    }
    if (!guard || pthread_create(&guard->thread, NULL, wait_for_signal, guard) != 0) {
        free(guard);
        transport->close(transport->context);
        return espalier_fail(error, ESPALIER_ERR_MEMORY, "no memory for a thread that waits for Ctrl-C");
    }
    install(guard);
    transport->context = guard;
    transport->send = guarded_send;
    transport->receive = guarded_receive;
    transport->close = guarded_close;
    return ESPALIER_OK;
}
