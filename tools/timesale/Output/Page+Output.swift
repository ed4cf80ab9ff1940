// A page of a list as the tool shows it: the form of the HTTP API in JSON, a table for people.
extension Output {
    /// - Parameters:
    ///   - next: where the next page begins; nil if this is the last.
    ///   - command: the command that shows the next page.
    func show(_ items: [JSON], _ table: Table, next: String?, none: String, command: String) {
        show(
            json: .object([
                ("items", .array(items)), ("nextCursor", next.map { .string($0) } ?? .null),
            ]),
            text: items.isEmpty
                ? "\(none)\n"
                : table.rendered(style) + (next == nil ? "" : "More: \(command) (or --all)\n"))
    }
}
