import Foundation
import FuzzEngine
import Fuzzing
import TimesaleClient

@testable import Sidecar

/// Whole requests, one after the other on a connection, with 0x1e between them. The byte before them: bit 0, bodies
/// come in chunks; bit 1, requests come in two pieces.
///
/// Each has exactly one answer, with a status that the API's table has for it; a 5xx is none, since nothing is wrong
/// here. What is refused before the engine is asked has no effect. What is accepted has the values that were asked for,
/// and is found again as it was told. The engine takes every frame, and is in order at the end.
///
/// Ids of requests without a key are drawn, and the time is that of this machine: a replay has others.
enum RequestsCheck {
    private static let requestsMax = 16

    static func run(_ options: UInt8, _ input: UnsafeRawBufferPointer) {
        let sidecar = FuzzSidecar()
        for part in input.split(separator: 0x1e).prefix(requestsMax) where sidecar.isOpen {
            exchange(FuzzRequest(part), options, sidecar)
        }
        sidecar.end()
    }

    private static func exchange(_ request: FuzzRequest, _ options: UInt8, _ sidecar: FuzzSidecar) {
        let sent = sidecar.link.entriesSent
        let answer = answer(to: request, options, sidecar)
        let route = request.route
        checkStatus(answer, route)
        guard let json = checkBody(answer, isHead: request.isHead) else { return }
        if let code = json["code"] as? String, isDecidedHere(code) {
            expect(sidecar.link.entriesSent == sent, "\(code), and the engine was asked")
        }
        guard let route, route.isChange, answer.status / 100 == 2 else { return }
        // A repeat is told what was decided then.
        guard answer.headers["idempotency-replayed"] == nil else { return }
        if answer.status == 201 { checkEcho(request, route, json) }
        guard let location = answer.headers["location"], sidecar.isOpen else { return }
        let again = self.answer(to: FuzzRequest(get: location), options, sidecar)
        expect(again.status == 200, "\(location) was made, and asking for it gives \(again.status)")
        guard let found = checkBody(again, isHead: false) else { violated("\(location) has no body") }
        for (name, value) in found {
            guard let told = json[name] else { continue }
            expect(written(told) == written(value), "\(location) was made with \(name) \(told), and has \(value)")
        }
    }

    private static func answer(to request: FuzzRequest, _ options: UInt8, _ sidecar: FuzzSidecar) -> FuzzAnswer {
        let bytes = request.bytes(isChunked: options & 1 != 0)
        let cut = options & 2 == 0 ? bytes.count : bytes.count / 2
        var received = sidecar.exchange(bytes[..<cut])
        if cut < bytes.count, sidecar.isOpen { received += sidecar.exchange(bytes[cut...]) }
        return FuzzAnswer(received, toHead: request.isHead)
    }

    /// Codes of which the engine knows nothing.
    private static func isDecidedHere(_ code: String) -> Bool {
        let codes: [ProblemCode] = [.malformed, .unknownField, .methodNotAllowed, .tooLarge, .unsupportedMediaType]
        return codes.contains { $0.name == code }
    }

    private static func checkStatus(_ answer: FuzzAnswer, _ route: Route?) {
        var allowed = Set(ProblemCode.ofAnyOperation.map(\.status))
        if let route {
            allowed.formUnion(route.allProblems.map(\.status))
            allowed.insert(route.status)
            if route.hasTag { allowed.insert(304) }
        } else {
            // Of OPTIONS.
            allowed.insert(204)
        }
        allowed.subtract([500, 503, 504])
        expect(allowed.contains(answer.status), "\(route?.path ?? "no path") answers with \(answer.status)")
    }

    /// Answers the object that stands in the body, if one does.
    private static func checkBody(_ answer: FuzzAnswer, isHead: Bool) -> [String: Any]? {
        let type = answer.headers["content-type"] ?? ""
        guard !isHead, type.hasSuffix("json"), !answer.body.isEmpty else {
            expect(isHead || answer.status < 400, "a problem of type \(type)")
            return nil
        }
        guard let json = try? JSONSerialization.jsonObject(with: Data(answer.body)) as? [String: Any] else {
            violated("the body of \(answer.status) is no JSON: \(String(decoding: answer.body, as: UTF8.self))")
        }
        guard answer.status >= 400 else { return json }
        let code = ProblemCode.allCases.first { $0.name == json["code"] as? String }
        expect(type == "application/problem+json", "a problem of type \(type)")
        expect(code?.status == answer.status, "\(answer.status) has the code \(json["code"] ?? "none")")
        return json
    }

    private static func written(_ value: Any) -> Data? {
        try? JSONSerialization.data(withJSONObject: [value], options: .sortedKeys)
    }

    /// What was made has the values that the request had.
    private static func checkEcho(_ request: FuzzRequest, _ route: Route, _ json: [String: Any]) {
        guard let fields = route.body,
            case .success(let values) = request.body.withUnsafeBytes({ JSONReader.values(fields, in: $0) })
        else { violated("a body that cannot be read was accepted: \(String(decoding: request.body, as: UTF8.self))") }
        for (field, value) in zip(fields.list, values) {
            guard let told = json[field.name], let text = HTTPTarget.spelling(value, field.kind) else { continue }
            // 0 is no limit.
            if told is NSNull, text == "0" || text.isEmpty { continue }
            let isSame =
                (told as? String).map { $0 == text } ?? (told as? NSNumber).map { $0.doubleValue == Double(text) }
            expect(isSame == true, "\(field.name) was \(text), and the answer says \(told)")
        }
    }
}
