#include "cprs_kernels.h"
