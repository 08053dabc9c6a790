// Everything in CSocket is a header-only inline; SwiftPM wants one translation unit.
#include "csocket.h"
