// hiredis 0.14 as Debian 12 has it. Its printf-like functions are invisible to Swift: use the Argv forms.
#ifndef TIMESALE_HIREDIS_H
#define TIMESALE_HIREDIS_H
#include <hiredis/hiredis.h>
#endif
