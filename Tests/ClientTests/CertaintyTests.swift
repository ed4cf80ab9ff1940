import Foundation
import Protocol
import TestSupport
import Testing
import TimesaleClient

extension ClientTests {
    /// Shows that an outcome is never guessed: what a call says after timeouts, cancels, busy servers, lost connections
    /// and lies, with a server that does these things on purpose.
    @Suite struct CertaintyTests {
        // MARK: Time

        @Test func aDeadlineAfterSendingLeavesTheOutcomeOpen() async {
            let server = ScriptedServer { _ in .ignore }
            defer { server.stop() }
            let client = server.client()
            let id = OrderID.mint(for: 1)
            let begin = ContinuousClock.now
            let error = await fault { try await client.order(sale: 1, user: 1, id: id, timeoutMs: 500) }
            let took = ContinuousClock.now - begin
            #expect(error == .outcomeUnknown(UnknownOutcome(cause: .timedOut, subject: .order(id))))
            #expect(took >= .milliseconds(500))
            // A minted id is told, or nobody could settle it.
            guard
                case .outcomeUnknown(let unknown) = await fault({
                    try await client.order(sale: 1, user: 1, timeoutMs: 200)
                })
            else {
                Issue.record("the outcome is open")
                return
            }
            #expect(unknown.order != nil)
            // What only reads has no outcome that could be open.
            #expect(await fault { try await client.order(id, timeoutMs: 200) } == .timedOut)
            await client.shutdown(withinMs: 0)
        }

        @Test func aDeadlineBeforeSendingChangesNothing() async {
            let server = ScriptedServer { _ in .ignore }
            defer { server.stop() }
            let client = server.client { $0.framesInFlightMax = 1 }
            let first = Task { await fault { try await client.order(sale: 1, user: 1, timeoutMs: 2_000) } }
            #expect(await eventually { server.requests.count == 1 })
            #expect(await fault { try await client.order(sale: 1, user: 2, timeoutMs: 100) } == .timedOut)
            #expect(await first.value?.cause == .timedOut)
            #expect(server.requests.count == 1)
            await client.shutdown(withinMs: 0)
        }

        @Test func noServer() async {
            let client = TimesaleClient(ClientConfiguration(.unix(path: "/nowhere/at/all.sock")))
            let error = await fault { try await client.order(sale: 1, user: 1, timeoutMs: 500) }
            #expect(error == .unavailable(.unreachable(errno: ENOENT)))
            await client.shutdown()
            #expect(await fault { try await client.order(sale: 1, user: 1) } == .shutDown)
        }

        /// Calls that were given up for want of a connection must not keep later ones from being looked at: each ends
        /// at its own deadline, however long there is no server.
        @Test func noServerForSeveralCalls() async {
            let client = TimesaleClient(ClientConfiguration(.unix(path: "/nowhere/at/all.sock")))
            for _ in 1...5 {
                let error = await withTaskGroup(of: TimesaleError?.self) { group in
                    group.addTask { await fault { try await client.order(sale: 1, user: 1, timeoutMs: 50) } }
                    group.addTask {
                        try? await Task.sleep(for: .seconds(20))
                        return nil
                    }
                    let first = await group.next() ?? nil
                    group.cancelAll()
                    return first
                }
                guard case .unavailable = error else {
                    Issue.record("\(String(describing: error))")
                    break
                }
            }
            await client.shutdown(withinMs: 0)
        }

        /// A connection that swallows everything is given up; its calls go on another, with the time they have left.
        @Test func silenceEndsAConnection() async throws {
            let server = ScriptedServer { $0.connection == 0 ? .ignore : $0.accepted }
            defer { server.stop() }
            let client = server.client { $0.silenceMaxMs = 500 }
            #expect(try await client.order(sale: 1, user: 1).state == .confirmed)
            #expect(server.connections == 2)
            await client.shutdown()
        }

        // MARK: Cancelling

        @Test func aCancelBeforeSendingChangesNothing() async {
            let server = ScriptedServer { _ in .ignore }
            defer { server.stop() }
            let client = server.client { $0.framesInFlightMax = 1 }
            let sent = Task { await fault { try await client.order(sale: 1, user: 1) } }
            #expect(await eventually { server.requests.count == 1 })
            let queued = Task { await fault { try await client.order(sale: 1, user: 2) } }
            #expect(await eventually { client.status.callsOutstanding == 2 })
            queued.cancel()
            #expect(await queued.value == .cancelled)
            sent.cancel()
            #expect(await sent.value?.cause == .cancelled)

            let early = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return await fault { try await client.order(sale: 1, user: 3) }
            }
            #expect(await early.value == .cancelled)
            await client.shutdown(withinMs: 0)
            #expect(server.requests.count == 1)
        }

        @Test func aCancelledBatchSaysWhatIsKnownOfEach() async {
            let gate = DispatchSemaphore(value: 0)
            let server = ScriptedServer { request in
                guard request.number > 0 else { return request.accepted }
                gate.wait()
                return .hangUp
            }
            defer { server.stop() }
            let client = server.client {
                $0.framesInFlightMax = 1
                $0.batchCountMax = 2
            }
            let batch = Task { await client.orders((1...6).map { OrderRequest(sale: 1, user: UserID($0)) }) }
            #expect(await eventually { server.requests.count == 2 })
            batch.cancel()
            let results = await batch.value
            gate.signal()
            #expect(results.prefix(2).allSatisfy { (try? $0.get()) != nil })
            for result in results.dropFirst(2).prefix(2) {
                guard case .failure(let error) = result else {
                    Issue.record("nothing was answered")
                    continue
                }
                #expect(error.cause == .cancelled)
            }
            #expect(results.suffix(2).allSatisfy { $0 == .failure(.cancelled) })
            await client.shutdown(withinMs: 0)
        }

        @Test func aSuspendedCallerCanBeCancelledAndTimesOut() async {
            let server = ScriptedServer { _ in .ignore }
            defer { server.stop() }
            let client = server.client { $0.callsMax = 1 }
            let sent = Task { await fault { try await client.order(sale: 1, user: 1) } }
            #expect(await eventually { server.requests.count == 1 })
            let suspended = Task { await fault { try await client.order(sale: 1, user: 2) } }
            #expect(await eventually { client.status.callsSuspended == 1 })
            #expect(await fault { try await client.order(sale: 1, user: 3, timeoutMs: 100) } == .timedOut)
            suspended.cancel()
            #expect(await suspended.value == .cancelled)
            sent.cancel()
            _ = await sent.value
            await client.shutdown(withinMs: 0)
            #expect(server.requests.count == 1)
        }

        // MARK: Busy

        @Test func busyIsTriedAgainWithTheSameEntries() async throws {
            let server = ScriptedServer { request in
                switch request.number {
                case 0: request.refused(.busy, retryMs: 30)
                case 1: request.orders { $0 == 0 ? .busy : .ok }
                default: request.accepted
                }
            }
            defer { server.stop() }
            let client = server.client()
            let begin = ContinuousClock.now
            let results = await client.orders([
                OrderRequest(sale: 1, user: 1), OrderRequest(sale: 1, user: 2),
            ])
            #expect(.now - begin >= .milliseconds(30))
            #expect(results.allSatisfy { (try? $0.get()) != nil })
            let entries = server.requests.map(\.entries)
            #expect(entries.map(\.count) == [2, 2, 1])
            #expect(entries[0] == entries[1] && entries[2] == [entries[1][0]])
            #expect(client.status.retries == 3)
            await client.shutdown()
        }

        @Test func busyUntilTheDeadlineIsARefusal() async {
            let server = ScriptedServer { $0.refused(.busy) }
            defer { server.stop() }
            let client = server.client()
            let error = await fault { try await client.order(sale: 1, user: 1, timeoutMs: 1_500) }
            #expect(error?.refusal == .busy)
            #expect(server.requests.count > 2)
            await client.shutdown()
        }

        @Test func aStoppingServerIsLeftForAnother() async throws {
            let server = ScriptedServer { $0.connection == 0 ? $0.refused(.shuttingDown) : $0.accepted }
            defer { server.stop() }
            let client = server.client()
            #expect(try await client.order(sale: 1, user: 1).state == .confirmed)
            #expect(server.requests.map(\.connection) == [0, 1])
            await client.shutdown()
        }

        // MARK: Lost connections

        @Test func aLostCallIsSentAgainUnchanged() async throws {
            let server = ScriptedServer { $0.number < 3 ? .hangUp : $0.accepted }
            defer { server.stop() }
            let client = server.client()
            #expect(try await client.order(sale: 1, user: 1).state == .confirmed)
            let bodies = server.requests.map(\.body)
            #expect(bodies.count == 4 && Set(bodies).count == 1)
            await client.shutdown()
        }

        /// Sold out for the second attempt says nothing about the first, as long as the server that got it lives.
        @Test func aRefusalAfterALossIsNoOutcomeInTheSameRun() async {
            let server = ScriptedServer { $0.number == 0 ? .hangUp : $0.orders { _ in .soldOut } }
            defer { server.stop() }
            let client = server.client()
            let error = await fault { try await client.order(sale: 1, user: 1) }
            #expect(error?.cause == .refusedAfterLoss(.soldOut))
            await client.shutdown()
        }

        /// In another run the first attempt is on disk, and would have been answered as a repeat, or is gone.
        @Test func aRefusalAfterALossHoldsInAnotherRun() async {
            let server = ScriptedServer(instance: { UInt64($0 + 1) }) {
                $0.number == 0 ? .hangUp : $0.orders { _ in .soldOut }
            }
            defer { server.stop() }
            let client = server.client()
            #expect(await fault { try await client.order(sale: 1, user: 1) }?.refusal == .soldOut)
            #expect(client.status.restartsSeen == 1)
            await client.shutdown()
        }

        /// A closed sale was closed for both attempts.
        @Test func aRefusalForGoodHoldsAfterALoss() async {
            let server = ScriptedServer { $0.number == 0 ? .hangUp : $0.orders { _ in .closed } }
            defer { server.stop() }
            let client = server.client()
            #expect(await fault { try await client.order(sale: 1, user: 1) }?.refusal == .closed)
            await client.shutdown()
        }

        /// Busy did not look whether the first attempt had been accepted, in whichever run.
        @Test func busyAfterALossLeavesTheOutcomeOpen() async {
            let server = ScriptedServer(instance: { UInt64($0 + 1) }) {
                $0.number == 0 ? .hangUp : $0.refused(.busy)
            }
            defer { server.stop() }
            let client = server.client()
            let error = await fault { try await client.order(sale: 1, user: 1, timeoutMs: 500) }
            #expect(error?.mayHaveHappened == true)
            await client.shutdown()
        }

        @Test func aCancelAfterALossLeavesTheOutcomeOpen() async {
            let server = ScriptedServer { _ in .hangUp }
            let client = server.client {
                $0.reconnectDelayMinMs = 10_000
                $0.reconnectDelayMaxMs = 10_000
            }
            let call = Task { await fault { try await client.order(sale: 1, user: 1) } }
            #expect(await eventually { server.requests.count >= 1 })
            server.stop()
            #expect(await eventually { client.status.connections == 0 })
            call.cancel()
            #expect(await call.value?.cause == .cancelled)
            await client.shutdown(withinMs: 0)
        }

        // MARK: Lies

        @Test(arguments: [0, 4, 13, 20, 24, 40])
        func damagedRepliesAreNotBelieved(_ damagedByte: Int) async throws {
            let server = ScriptedServer { request in
                guard request.connection == 0, case .reply(var bytes) = request.accepted else {
                    return request.accepted
                }
                bytes[damagedByte] ^= 0xff
                return .reply(bytes)
            }
            defer { server.stop() }
            let client = server.client()
            #expect(try await client.order(sale: 1, user: 1).state == .confirmed)
            #expect(server.connections == 2)
            await client.shutdown()
        }

        @Test func unknownCodesAreRefusals() async {
            let server = ScriptedServer { $0.orders { _ in ResultCode(rawValue: 777) } }
            defer { server.stop() }
            let client = server.client()
            #expect(await fault { try await client.order(sale: 1, user: 1) }?.refusal == .unknown(777))
            await client.shutdown()
        }

        @Test func shutdownWaitsForWhatIsUnderWay() async throws {
            let gate = DispatchSemaphore(value: 0)
            let server = ScriptedServer { request in
                gate.wait()
                return request.accepted
            }
            defer { server.stop() }
            let client = server.client()
            let call = Task { try await client.order(sale: 1, user: 1) }
            #expect(await eventually { server.requests.count == 1 })
            async let end: Void = client.shutdown(withinMs: 60_000)
            #expect(await eventually { await fault { try await client.ping(timeoutMs: 10) } == .shutDown })
            gate.signal()
            #expect(try await call.value.state == .confirmed)
            await end
            await client.shutdown()
        }
    }
}
