// Socket and file constants and calls that Swift's Glibc overlay does not show.
// Only the Platform room imports this module.
#ifndef VARVE_CSOCKET_H
#define VARVE_CSOCKET_H

#include <stdint.h>
#include <sys/socket.h>

/// The kernel's count of datagrams it dropped on this socket, or -1 when `message` carries none.
static inline int64_t varve_rxq_overflow(struct msghdr *_Nonnull message) {
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) {
            uint32_t dropped;
            __builtin_memcpy(&dropped, CMSG_DATA(c), sizeof dropped);
            return dropped;
        }
    }
    return -1;
}

#endif
