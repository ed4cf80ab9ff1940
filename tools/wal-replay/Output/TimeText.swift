import CommandLineTool

/// A moment for people, in UTC. What lies behind the year 9999 is a number: nobody meant a day.
func timeText(_ ms: UInt64) -> String {
    ms < 253_402_300_800_000 ? Timestamp.text(ms: ms) : "\(ms)ms"
}
