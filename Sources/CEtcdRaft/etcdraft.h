// etcd's raft behind a C interface: see archive/raft.go, whose archive implements these calls.
//
// One core is one replica of one group. Calls on one core come from one thread at a time; no call
// blocks. Answers that are written to *out belong to the core and are valid until its next call.
// All encodings are little-endian; lists are a 32-bit count and the items.
//
//   confState  voters, learners, outgoing voters, next learners: lists of 64-bit ids; auto-leave: 1
//   entry      index 8, term 8, kind 1 (0 normal, 1 and 2 membership), length 4, data
//   message    to 8, type 1, index of its first entry 8, list of its entries' data (length 4, data;
//              none of a membership entry), length 4, bytes
//
// Calls return 0 or a length, or what they refuse with.
#ifndef VARVE_ETCDRAFT_H
#define VARVE_ETCDRAFT_H

#include <stdint.h>

enum {
    varve_raft_not_leader = -1,
    varve_raft_bad_message = -2,
    varve_raft_change_pending = -3,
    varve_raft_no_core = -4,
    // The core found its own state to be impossible; it takes no further calls.
    varve_raft_broken = -5
};

// Runs body(context) on a thread of the runtime's own, with a stack of the usual size, and returns when
// it has. Calls from there need none of the system calls that they need from any other thread.
void varve_raft_attached(void (*body)(void *), void *context);

// state: term 8, vote 8, commit 8, applied 8, image index 8, image term 8, confState at the image,
// index of the newest confState 8, newest confState, list of entries behind the image.
// payload_bytes_max: behind one append message; an append with more is cut.
// 0 when that makes no core.
uint64_t varve_raft_open(
    uint64_t id, uint64_t seed, int32_t election_ticks, int32_t heartbeat_ticks,
    int64_t payload_bytes_max, const uint8_t *state, int64_t length);
void varve_raft_close(uint64_t core);

int64_t varve_raft_step(uint64_t core, const uint8_t *bytes, int64_t length);
// A message that tells to get an image, with another image in place of the one it speaks of:
// index 8, term 8, confState; not an older one.
int64_t varve_raft_step_image(
    uint64_t core, const uint8_t *bytes, int64_t length, const uint8_t *image,
    int64_t image_length);
// What an image at that entry is to say: index 8, term 8, confState. Nothing when the core does not
// know, or when the group has changed since.
int64_t varve_raft_image_at(uint64_t core, uint64_t index, uint8_t **out);
int64_t varve_raft_tick(uint64_t core);
int64_t varve_raft_campaign(uint64_t core);
// count entries of size bytes each, one behind the other.
int64_t varve_raft_propose(uint64_t core, const uint8_t *data, int32_t size, int32_t count);
// A list of: kind 1 (0 add voter, 1 remove, 3 add learner), id 8. More than one at once passes
// through a joint configuration.
int64_t varve_raft_change(uint64_t core, const uint8_t *changes, int64_t length);
int64_t varve_raft_read_index(uint64_t core, uint64_t context);
int64_t varve_raft_transfer(uint64_t core, uint64_t to);
int64_t varve_raft_unreachable(uint64_t core, uint64_t peer);
int64_t varve_raft_image_sent(uint64_t core, uint64_t peer, int32_t is_taken);
int64_t varve_raft_compact(uint64_t core, uint64_t index);

// 0 when there is nothing, or when one is outstanding.
// has hard state 1 [term 8, vote 8], has image 1 [index 8, term 8, confState, length 4, data],
// list of entries, list of messages that may leave at once, is leadership new 1 [leader 8, is it
// this one 1], list of reads (context 8, index 8).
int64_t varve_raft_ready(uint64_t core, uint8_t **out);
// What the outstanding ready holds is durable: list of messages, list of committed entries,
// is configuration new 1 [its index 8, confState].
int64_t varve_raft_persisted(uint64_t core, uint8_t **out);
// term 8, vote 8, commit 8, leader 8, is leader 1, first index 8, last index 8, transferee 8,
// index of the newest confState 8, confState, list of peers (id 8, match 8, is learner 1, is recently active 1, waits for image 1).
int64_t varve_raft_status(uint64_t core, uint8_t **out);
// Why the core is broken, for a person.
int64_t varve_raft_trouble(uint64_t core, uint8_t **out);

#endif
