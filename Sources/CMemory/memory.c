#include "cmemory.h"

#include <malloc.h>

void varve_return_free_memory(void) { malloc_trim(0); }
