#include <sqlite3.h>

/// What holds for the whole process, before any connection is opened: connections are of one thread
/// at a time, nobody asks how much memory SQLite has (a lock around each allocation), and none keeps
/// 48 KB beside for small allocations. SQLITE_OK when it holds.
static inline int varve_sqlite_configure(void) {
    int code = sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
    if (code == SQLITE_OK) code = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    if (code == SQLITE_OK) code = sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0);
    return code;
}
