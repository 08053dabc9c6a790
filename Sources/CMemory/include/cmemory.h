// The allocator's calls that Swift's Glibc overlay does not show. Only the Platform room imports
// this module. It includes no header: types of the C library would become this module's.
#ifndef VARVE_CMEMORY_H
#define VARVE_CMEMORY_H

/// Gives freed memory that the allocator holds back to the system.
void varve_return_free_memory(void);

#endif
