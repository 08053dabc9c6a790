// Socket and file constants and calls that Swift's Glibc overlay does not show.
// Only the Platform room imports this module.
#ifndef VARVE_CSOCKET_H
#define VARVE_CSOCKET_H

#include <linux/sock_diag.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/// The kernel's count of datagrams it dropped on this socket since it was made (the figure that
/// SO_RXQ_OVFL attaches to datagrams, here also when none comes any more), or -1.
static inline int64_t varve_socket_drops(int descriptor) {
    uint32_t figures[SK_MEMINFO_VARS];
    socklen_t size = sizeof figures;
    if (getsockopt(descriptor, SOL_SOCKET, SO_MEMINFO, figures, &size) != 0) return -1;
    if (size < (SK_MEMINFO_DROPS + 1) * sizeof figures[0]) return -1;
    return figures[SK_MEMINFO_DROPS];
}

/// A descriptor that becomes readable when `varve_event_signal` is called on it, or -1.
static inline int varve_event_open(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

/// Makes the descriptor readable for good. Async-signal-safe.
static inline void varve_event_signal(int descriptor) {
    const uint64_t one = 1;
    ssize_t put = write(descriptor, &one, sizeof one);
    (void)put;
}

/// Columns of the terminal behind `descriptor`, or 0.
static inline int varve_terminal_columns(int descriptor) {
    struct winsize size;
    return ioctl(descriptor, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

#endif
