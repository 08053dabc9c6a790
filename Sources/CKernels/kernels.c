// Everything in CKernels is a header-only inline; SwiftPM wants one translation unit.
#include "ckernels.h"
