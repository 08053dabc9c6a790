// Everything in CSocket is a header-only inline; SwiftPM wants one translation unit.
#include "csocket.h"

#include <malloc.h>

void varve_return_free_memory(void) { malloc_trim(0); }
