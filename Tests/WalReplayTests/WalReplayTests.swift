import Testing

/// The tool over directories that real servers wrote, and these servers over what the tool made of them.
@Suite(.serialized) enum WalReplayTests {}
