import Testing

/// Holds the suites that start servers or look at clocks: one test at a time, since a machine that runs ten servers
/// at once tells nothing about time.
@Suite(.serialized) enum ClientTests {}
