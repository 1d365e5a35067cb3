/*
 * digest.h - one number for a whole run: XXH3 with 128 bits over all op records and all event records.
 *
 * Two streams, ops and events, each in the order in which the tape hands the records over; digest_text combines them
 * with their counts. So the digest does not depend on the size of the tape's blocks, nor on when they were handed
 * over, and it may be read at any time without ending it. Records are hashed as little-endian bytes on every machine.
 */
#ifndef KMEMSIM_OBSERVE_DIGEST_H
#define KMEMSIM_OBSERVE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "trace/event.h"
#include "trace/op.h"

#define DIGEST_TEXT_BYTES 33 /* 32 hex digits and the final 0 */

struct digest;

struct digest *digest_new(void);
void digest_free(struct digest *digest);

void digest_ops(struct digest *digest, const struct op_record *ops, size_t count);
void digest_events(struct digest *digest, const struct event_record *events, size_t count);

/* The digest of what came so far. */
void digest_text(const struct digest *digest, char ret_text[DIGEST_TEXT_BYTES]);

#endif
