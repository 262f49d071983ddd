#if defined(__linux__)
#include <sys/prctl.h>
#endif

#include "cprs_kernels.h"

void cprs_name_thread(const char *name) {
#if defined(__linux__)
    prctl(PR_SET_NAME, name, 0, 0, 0);
#else
    (void)name;
#endif
}
