import Testing

/// Holds the suites that run the tool as a process: one test at a time, since a machine that runs ten servers at once
/// answers no one in time.
@Suite(.serialized) enum CommandLineTests {}
