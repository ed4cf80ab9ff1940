/// When the tables of orders and users get their memory.
public enum TableMemory: String, Sendable, CaseIterable {
    /// As they fill up, some way ahead of use.
    case growing
    /// All of it, before the start is done.
    case resident
}
