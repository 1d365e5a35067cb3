/*
 * call_sites.c - where in the scenario requests come from, as numbers: what a debug_slab machine keeps as last users of
 * objects, and what it shows for them.
 *
 * A line of the scenario and the task that runs it are a site. Numbers are given as sites first ask for something, so
 * that they are the same in every run; a trace that is replayed has numbers of its own, below CALL_SITE_FIRST.
 */
#include "script/scenario_parts.h"

#include "mm/slab_debug.h"

#define CALL_SITE_FIRST 0x1000000u

struct call_site {
        uint32_t source, line, thread;
};

static guint site_hash(gconstpointer key)
{
        const struct call_site *site = key;

        return (site->source * 31 + site->line) * 65537u + site->thread;
}

static gboolean site_equal(gconstpointer a, gconstpointer b)
{
        return memcmp(a, b, sizeof(struct call_site)) == 0;
}

void call_site_submitted(struct actor *actor)
{
        if (actor->scenario->config.debug_slab)
                observer_note_site(actor->scenario->observer, actor->thread, actor->call_site);
}

void call_site_note(struct actor *actor)
{
        struct scenario *scenario = actor->scenario;
        struct sandbox_place place;
        struct call_site site;
        uint32_t id;

        if (!scenario->config.debug_slab)
                return;
        place = sandbox_place(scenario->sandbox, actor->L, 1);
        site = (struct call_site){ place.source, place.line, actor->thread };
        if (!scenario->call_sites) {
                scenario->call_sites = g_hash_table_new_full(site_hash, site_equal, g_free, NULL);
                scenario->call_site_names = g_ptr_array_new_with_free_func(g_free);
        }
        id = GPOINTER_TO_UINT(g_hash_table_lookup(scenario->call_sites, &site));
        if (id == 0) {
                g_autofree char *where = sandbox_place_text(scenario->sandbox, place);

                id = CALL_SITE_FIRST + scenario->call_site_names->len;
                g_hash_table_insert(scenario->call_sites, g_memdup2(&site, sizeof(site)), GUINT_TO_POINTER(id));
                g_ptr_array_add(scenario->call_site_names, g_strdup_printf("%s [%s]", where, actor->name));
                if (scenario->recorder)
                        recorder_add_site(scenario->recorder, id, where, actor->name);
        }
        sim_set_site(scenario->sim, actor->thread, id);
        actor->call_site = id;
}

const char *call_site_name(const struct scenario *scenario, uint64_t caller)
{
        if (caller >= CALLER_TASK) {
                uint64_t thread = caller - CALLER_TASK;

                return thread < scenario->threads->len && scenario->threads->pdata[thread] ?
                               ((const struct actor *)scenario->threads->pdata[thread])->name : NULL;
        }
        if (!scenario->call_site_names || caller < CALL_SITE_FIRST ||
            caller - CALL_SITE_FIRST >= scenario->call_site_names->len)
                return NULL;
        return scenario->call_site_names->pdata[caller - CALL_SITE_FIRST];
}
