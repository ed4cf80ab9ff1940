import ArgumentParser
import CLinux
import Harness

struct Micro: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "The engine without sockets and disk: nanoseconds of one core for an order in a batch.")

    @Option(parsing: .unconditional, help: "CPU of the thread; -1 leaves it to the scheduler.")
    var cpu = 0
    @Option(help: "Orders in each batch.")
    var batch = 1024
    @Option(help: "Orders that are decided, and that the engine has room for.")
    var orders = 10_000_000
    @Option(help: "Users of these orders.")
    var users = 4_000_000

    func validate() throws {
        guard batch >= 1, batch <= 8190, orders >= batch, users >= 1 else {
            throw ValidationError("give a batch from 1 to 8190, and at least one order and one user")
        }
    }

    mutating func run() throws {
        if cpu >= 0 { _ = ts_pin_thread(Int32(cpu)) }
        let engine = BareEngine(orders: orders, users: users)
        let ns = engine.nanosecondsPerOrder(batch: batch)
        print("order in batches of \(batch): \(decimal(ns)) ns, \(grouped(1e9 / ns)) orders/s of one core")
    }
}
