// liburing, with what its macros and inline loops hide from Swift.
#ifndef TIMESALE_URING_H
#define TIMESALE_URING_H
#include <liburing.h>
#endif
