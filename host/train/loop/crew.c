#include "crew.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

struct member {
    struct espalier_crew *crew;
    uint32_t part;
    pthread_t thread;
};

struct espalier_crew {
    uint32_t threads; /* with the caller's */
    struct member *members;
    pthread_mutex_t mutex;
    pthread_cond_t begin, done;
    /* Under the mutex */
    uint64_t round; /* of work; members begin when it grows */
    uint32_t busy;  /* members that have not done their part of it */
    bool end;
    espalier_crew_work *work;
    void *context;
};

static void *serve(void *context)
{
    struct member *member = context;
    struct espalier_crew *crew = member->crew;
    uint64_t round = 0;

    pthread_mutex_lock(&crew->mutex);
    for (;;) {
        while (crew->round == round && !crew->end)
            pthread_cond_wait(&crew->begin, &crew->mutex);
        if (crew->end)
            break;
        round = crew->round;
        pthread_mutex_unlock(&crew->mutex);
        crew->work(crew->context, member->part);
        pthread_mutex_lock(&crew->mutex);
        if (--crew->busy == 0)
            pthread_cond_signal(&crew->done);
    }
    pthread_mutex_unlock(&crew->mutex);
    return NULL;
}

enum espalier_status espalier_crew_create(uint32_t threads, struct espalier_crew **out, struct espalier_error *error)
{
    struct espalier_crew *crew = calloc(1, sizeof *crew);

    *out = NULL;
    if (crew != NULL)
        crew->members = calloc(threads, sizeof *crew->members);
    if (crew == NULL || crew->members == NULL) {
        free(crew);
        return espalier_fail(error, ESPALIER_ERR_MEMORY, "out of memory for %u threads", threads);
    }
    crew->threads = 1;
    pthread_mutex_init(&crew->mutex, NULL);
    pthread_cond_init(&crew->begin, NULL);
    pthread_cond_init(&crew->done, NULL);
    for (uint32_t part = 1; part < threads; part++) {
        struct member *member = &crew->members[part];
        *member = (struct member){.crew = crew, .part = part};
        if (pthread_create(&member->thread, NULL, serve, member) != 0) {
            espalier_crew_free(crew);
            return espalier_fail(error, ESPALIER_ERR_MEMORY, "the system does not grant %u threads", threads);
        }
        crew->threads = part + 1;
    }
    *out = crew;
    return ESPALIER_OK;
}

void espalier_crew_free(struct espalier_crew *crew)
{
    if (crew == NULL)
        return;
    pthread_mutex_lock(&crew->mutex);
    crew->end = true;
    pthread_cond_broadcast(&crew->begin);
    pthread_mutex_unlock(&crew->mutex);
    for (uint32_t part = 1; part < crew->threads; part++)
        pthread_join(crew->members[part].thread, NULL);
    pthread_mutex_destroy(&crew->mutex);
    pthread_cond_destroy(&crew->begin);
    pthread_cond_destroy(&crew->done);
    free(crew->members);
    free(crew);
}

uint32_t espalier_crew_size(const struct espalier_crew *crew)
{
    return crew->threads;
}

void espalier_crew_run(struct espalier_crew *crew, espalier_crew_work *work, void *context)
{
    pthread_mutex_lock(&crew->mutex);
    crew->work = work;
    crew->context = context;
    crew->busy = crew->threads - 1;
    crew->round++;
    pthread_cond_broadcast(&crew->begin);
    pthread_mutex_unlock(&crew->mutex);
    work(context, 0);
    pthread_mutex_lock(&crew->mutex);
    while (crew->busy > 0)
        pthread_cond_wait(&crew->done, &crew->mutex);
    pthread_mutex_unlock(&crew->mutex);
}
