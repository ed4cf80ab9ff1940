// Hints to the memory system that Swift has no spelling for.
#ifndef TIMESALE_MEMORY_H
#define TIMESALE_MEMORY_H

// Starts the load of a line that is about to be read, or written. Never faults, whatever the address.
static inline void ts_prefetch_read(const void *address) { __builtin_prefetch(address, 0, 3); }
static inline void ts_prefetch_write(const void *address) { __builtin_prefetch(address, 1, 3); }

#endif
