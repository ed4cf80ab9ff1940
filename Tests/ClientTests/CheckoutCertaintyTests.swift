import Protocol
import Testing
import TimesaleClient

extension ClientTests {
    /// Shows that the outcome of a checkout is never guessed, with a server that does not answer, hangs up and lies.
    @Suite struct CheckoutCertaintyTests {
        /// The answer about the checkout of one entry of a request: accepted, with an order, unless told otherwise.
        private static func result(
            _ request: ScriptedServer.Request, _ index: Int, _ code: ResultCode = .ok,
            failedAt: UInt8 = 255, _ change: (inout CheckoutHead) -> Void = { _ in }
        ) -> CheckoutResult {
            let id = request.entries[index].withUnsafeBytes { CheckoutIdEntry($0.baseAddress!).checkoutId }
            var result = CheckoutResult(code: code, failedAt: .init(rawValue: failedAt), checkoutId: id)
            result.head.orderCount = code == .ok ? 1 : 0
            change(&result.head)
            return result
        }

        @Test func anUnknownOutcomeTellsItsCheckout() async {
            let server = ScriptedServer { _ in .ignore }
            defer { server.stop() }
            let client = server.client()
            let id = CheckoutID.mint(for: 1)
            let unknown = TimesaleError.outcomeUnknown(UnknownOutcome(cause: .timedOut, subject: .checkout(id)))
            #expect(
                await fault { try await client.checkout([.init(sale: 1)], user: 1, id: id, timeoutMs: 200) }
                    == unknown)
            #expect(await fault { try await client.confirmCheckout(id, timeoutMs: 200) } == unknown)
            #expect(await fault { try await client.cancelCheckout(id, timeoutMs: 200) } == unknown)
            // A minted id is told, or nobody could settle it.
            guard
                case .outcomeUnknown(let minted) = await fault({
                    try await client.checkout([.init(sale: 1)], user: 1, timeoutMs: 200)
                }), case .checkout? = minted.subject
            else {
                Issue.record("the outcome is open, and its id is told")
                return
            }
            // What only reads has no outcome that could be open.
            #expect(await fault { try await client.checkout(id, timeoutMs: 200) } == .timedOut)
            await client.shutdown(withinMs: 0)
        }

        @Test func aLostCallIsSentAgainUnchanged() async throws {
            let server = ScriptedServer { request in
                request.number < 2 ? .hangUp : request.results { Self.result(request, $0) }
            }
            defer { server.stop() }
            let client = server.client()
            let id = CheckoutID.mint(for: 1)
            let coupon = CouponID.mint(for: 1)
            let placed = try await client.checkout(
                [.init(sale: 7, quantity: 3), .init(sale: 8)], user: 1, coupon: coupon, usePoints: 5,
                earnPoints: 6, earnExpiresAtMs: 9, id: id)
            #expect(placed.id == id && placed.orders.map(\.id) == [id.order(0)])
            let bodies = server.requests.map(\.body)
            #expect(bodies.count == 3 && Set(bodies).count == 1)
            // All that was asked for is on the wire.
            let entry = bodies[0].withUnsafeBytes { PlaceCheckoutEntry($0.baseAddress!) }
            #expect(
                entry
                    == PlaceCheckoutEntry(
                        checkoutId: Id128(high: id.high, low: id.low), userId: Id128(1),
                        couponId: Id128(high: coupon.high, low: coupon.low), earnExpiresAtMs: 9, usePoints: 5,
                        earnPoints: 6, lineCount: 2,
                        lines: try #require(
                            CheckoutLines([.init(saleId: 7, quantity: 3), .init(saleId: 8, quantity: 1)]))))
            await client.shutdown()
        }

        /// A refusal of the second attempt says nothing about the first where a moment decides; it does where the
        /// content does, and in another run of the server.
        @Test(arguments: [
            (ResultCode.soldOut, 0, true, false), (.soldOut, 0, false, true), (.closed, 0, true, true),
            (.alreadyUsed, 16, true, false), (.minPurchase, 16, true, true),
            (.insufficientPoints, 17, true, false), (.insufficientPoints, 17, false, true),
            (.expired, 18, true, false), (.capacity, 255, false, false), (.idReused, 255, true, true),
        ] as [(ResultCode, UInt8, Bool, Bool)])
        func aRefusalAfterALoss(_ code: ResultCode, _ part: UInt8, _ isSameRun: Bool, _ isCertain: Bool) async {
            let server = ScriptedServer(instance: { isSameRun ? 1 : UInt64($0 + 1) }) { request in
                request.number == 0
                    ? .hangUp : request.results { Self.result(request, $0, code, failedAt: part) }
            }
            defer { server.stop() }
            let client = server.client()
            let error = await fault { try await client.checkout([.init(sale: 1)], user: 1, usePoints: 1) }
            #expect((error?.refusal != nil) == isCertain && (error?.mayHaveHappened == true) == !isCertain)
            await client.shutdown()
        }

        /// Each result of a frame names its own part; numbers of lines are those of orders where a confirm is refused.
        @Test func partsOfRefusals() async {
            let server = ScriptedServer { request in
                request.results { index in
                    Self.result(request, index, .expired, failedAt: [0, 15, 16, 17, 18, 255, 19, 200][index])
                }
            }
            defer { server.stop() }
            let client = server.client()
            let whole = TimesaleError.refused(.expired, retryAfterMs: 0)
            let others: [TimesaleError] =
                [.partRefused(.coupon, .expired), .partRefused(.pointsUsed, .expired)]
                + [.partRefused(.pointsEarned, .expired), whole, whole, whole]
            let placed = await client.checkouts((1...8).map { _ in CheckoutRequest([.init(sale: 1)], user: 1) })
            #expect(
                placed == ([.partRefused(.line(0), .expired), .partRefused(.line(15), .expired)] + others)
                    .map { .failure($0) })
            let confirmed = await client.confirmCheckouts((1...8).map { _ in .mint(for: 1) })
            #expect(
                confirmed == ([.partRefused(.order(0), .expired), .partRefused(.order(15), .expired)] + others)
                    .map { .failure($0) })
            await client.shutdown()
        }

        /// A frame that is refused as a whole has no body in which a part could be named.
        @Test func aRefusedFrame() async {
            let server = ScriptedServer { $0.refused(.forbidden) }
            defer { server.stop() }
            let client = server.client()
            let error = await fault { try await client.checkout([.init(sale: 1)], user: 1) }
            #expect(error == .refused(.forbidden, retryAfterMs: 0))
            await client.shutdown()
        }

        enum Damage: CaseIterable {
            case state, noOrders, tooManyOrders, otherCheckout
        }

        @Test(arguments: Damage.allCases)
        func answersThatMakeNoSenseAreNotBelieved(_ damage: Damage) async {
            let server = ScriptedServer { request in
                request.results { index in
                    Self.result(request, index) { head in
                        switch damage {
                        case .state: head.state = 4
                        case .noOrders: head.orderCount = 0
                        case .tooManyOrders: head.orderCount = 17
                        case .otherCheckout: head.checkoutId = Id128(high: 1, low: 2)
                        }
                    }
                }
            }
            defer { server.stop() }
            let client = server.client()
            let id = CheckoutID.mint(for: 1)
            let unknown = TimesaleError.outcomeUnknown(
                UnknownOutcome(cause: .protocolViolation, subject: .checkout(id)))
            #expect(await fault { try await client.checkout([.init(sale: 1)], user: 1, id: id) } == unknown)
            #expect(await fault { try await client.confirmCheckout(id) } == unknown)
            #expect(await fault { try await client.cancelCheckout(id) } == unknown)
            #expect(await fault { try await client.checkout(id) } == .protocolViolation)
            await client.shutdown()
        }
    }
}
