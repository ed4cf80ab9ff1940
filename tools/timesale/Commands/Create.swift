import ArgumentParser
import TimesaleClient

/// Puts a sale into the catalogue.
struct Create: ServerCommand {
    static let configuration = CommandConfiguration(
        abstract: "Create a sale.",
        discussion: """
            To create it once however often the command runs, give a --key and absolute times: the same key with the \
            same content is the same creation.
            """)

    @Option(help: "What is sold; at most 78 bytes.")
    var name: String

    @Option(help: ArgumentHelp("Units for sale, 1 to 2^40.", valueName: "n"), transform: Reading.stock)
    var stock: UInt64

    @Option(
        help: ArgumentHelp("Its number, never to be used again. (default: drawn)", valueName: "n"),
        transform: Reading.sale)
    var id: SaleID?

    @OptionGroup var terms: SaleTerms

    @OptionGroup var repeating: OperationOptions

    @OptionGroup var common: CommonOptions

    func validate() throws {
        if repeating.isGiven, terms.areRelative {
            throw ValidationError(
                "--operation-id repeats a creation exactly, and +... is another time at each run: give absolute times"
            )
        }
    }

    func run(_ session: Session) async throws {
        let operation = repeating.operation(path: "/v1/timesales")
        let wanted = try await terms.sale(session, id: id ?? .drawn(from: operation), name: name, stock: stock)
        let sale = try await session.change(again: Self.words(wanted, operation)) {
            () throws(TimesaleError) in
            try await session.client.createSale(wanted, operation: operation)
        }
        session.output.show(
            json: sale.jsonOfChange.adding([("operationId", .string("\(operation)"))]),
            text: sale.text(session.output.style))
        session.output.remark(
            (sale.isRepeat ? "It had been created before; nothing was done.\n" : "")
                + "Order from it: \(session.command(["order", "\(sale.id)", "--user", "42"]))\n")
    }

    /// The command that creates just this.
    private static func words(_ sale: NewSale, _ operation: OperationID) -> [String] {
        var words = ["create", "--name", sale.name, "--stock", "\(sale.stock)", "--id", "\(sale.id)"]
        if let startsAtMs = sale.startsAtMs { words += ["--starts-at", Timestamp.text(ms: startsAtMs)] }
        if let endsAtMs = sale.endsAtMs { words += ["--ends-at", Timestamp.text(ms: endsAtMs)] }
        if let limit = sale.perUserLimit { words += ["--per-user-limit", "\(limit)"] }
        if sale.holdMs > 0 { words += ["--hold", "\(Milliseconds(UInt64(sale.holdMs)))"] }
        if sale.unitPrice > 0 { words += ["--price", "\(sale.unitPrice)"] }
        return words + ["--operation-id", "\(operation)"]
    }
}

extension SaleID {
    /// Nine digits, short enough to be typed; a function of the operation, so that its repeat means the same sale.
    static func drawn(from operation: OperationID) -> SaleID {
        // FNV-1a.
        let hash = "\(operation)".utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) {
            ($0 ^ UInt64($1)) &* 0x100_0000_01b3
        }
        return SaleID(100_000_000 + hash % 900_000_000)
    }
}
