import Foundation
import Fuzzing
import NIOHTTP1
import TimesaleClient

@testable import Sidecar

/// What HTTP clients send. The first byte of an input says what it is: a body or a query (of the route that the second
/// byte chooses), an Idempotency-Key, a time, a head; or whole requests, which go to an engine (`RequestsCheck`).
///
/// A body or query that is read must, written as this API writes values, be read as the same; a body must be JSON to
/// another reader too, with the same numbers. What is refused gets a problem of a 4xx, whose body is JSON.
enum HTTPTarget {
    static let target = FuzzTarget(
        "http", "bodies, queries, headers and whole requests", sizeMaxBytes: 4096, words: words, run: run)

    private static let words: [String] = {
        var words = [
            "{", "}", "[", "]", ":", ",", "\"", "\\u0000", "\\ud83d\\ude00", "\\n", "null", "true", "false", "1e3",
            "0.5", "-0", "18446744073709551616", "9007199254740993", "=", "&", "%20", "+", "0x10", "\n", "\u{1e}",
            "2026-01-01T10:00:00.5+09:00", "Content-Type: ", "application/json; charset=utf-8", "Idempotency-Key: ",
            "If-None-Match: ", "\r\n", "Accept-Encoding: gzip;q=0", "00000000-0000-7000-8000-000000000001",
        ]
        for fields in bodies { words += fields.list.map { "\"\($0.name)\": " } }
        for fields in queries { words += fields.list.map { "\($0.name)=" } }
        words += FuzzSidecar.routes.map { "\($0.method.rawValue) \($0.path)" }
        return words
    }()

    static let bodies = RouteTable.routes.compactMap(\.body)
    static let queries = RouteTable.routes.map(\.query).filter { !$0.list.isEmpty }
    private static let tree = RouteTree(RouteTable.routes)

    private static func run(_ input: UnsafeRawBufferPointer) {
        guard input.count >= 2 else { return }
        let (first, second) = (Int(input[0]), Int(input[1]))
        let rest = UnsafeRawBufferPointer(rebasing: input.dropFirst(2))
        switch first % 6 {
        case 0: body(rest, bodies[second % bodies.count])
        case 1: query(String(decoding: rest, as: UTF8.self), queries[second % queries.count])
        case 2: key(String(decoding: rest, as: UTF8.self))
        case 3: time(String(decoding: rest, as: UTF8.self))
        case 4: head(String(decoding: rest, as: UTF8.self))
        default: RequestsCheck.run(input[1], rest)
        }
    }

    // MARK: Bodies

    private static func body(_ bytes: UnsafeRawBufferPointer, _ fields: Fields) {
        switch JSONReader.values(fields, in: bytes) {
        case .failure(let problem): check(problem)
        case .success(let values):
            check(values, fields)
            let isBlank = bytes.allSatisfy { [0x20, 0x09, 0x0a, 0x0d].contains($0) }
            let object = try? JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any]
            expect(isBlank || object != nil, "read, and no JSON object: \(String(decoding: bytes, as: UTF8.self))")
            if let object { checkNumbers(values[...], fields, object) }
            let written = written(values, fields)
            let again = Array(written.utf8).withUnsafeBytes { JSONReader.values(fields, in: $0) }
            guard case .success(let same) = again, "\(same)" == "\(values)" else {
                violated("\(values) is written as \(written), which is read as \(again)")
            }
        }
    }

    private static func written(_ values: [FieldValue], _ fields: Fields) -> String {
        var json = JSONWriter()
        write(Values(values), fields, to: &json)
        return String(buffer: json.buffer)
    }

    /// Another reader finds the same numbers: none has wrapped, and none is of another field.
    private static func checkNumbers(_ values: ArraySlice<FieldValue>, _ fields: Fields, _ object: [String: Any]) {
        for (field, value) in zip(fields.list, values) {
            let given = object[field.name]
            switch (field.kind, value) {
            case (_, .absent): expect(given == nil || given is NSNull, "\(field.name) is not read")
            case (.objects(let inner, _), .objects(let all)):
                let objects = given as? [[String: Any]] ?? []
                expect(all.count == objects.count * inner.list.count, "\(objects.count) objects, \(all.count) values")
                for (index, object) in objects.enumerated() {
                    checkNumbers(all[(index * inner.list.count)...], inner, object)
                }
            case (.seconds, .number(let ms)):
                guard let number = given as? NSNumber else { violated("\(field.name) is no number, but \(ms)") }
                let error = abs(number.doubleValue * 1000 - Double(ms))
                expect(error <= 0.5, "\(field.name) is \(number) s, read as \(ms) ms")
            case (.integer, .number(let read)), (.offerId, .number(let read)):
                let text = (given as? NSNumber)?.stringValue ?? given as? String ?? ""
                expect(Double(text) == Double(read), "\(field.name) is \(text), read as \(read)")
            default: break
            }
        }
    }

    private static func write(_ values: Values, _ fields: Fields, to json: inout JSONWriter) {
        json.begin()
        for (index, field) in fields.list.enumerated() where !values[index].isAbsent {
            json.key(field.name)
            if case .objects(let fields, _) = field.kind {
                json.beginArray()
                for object in values.objects(index, fields) { write(object, fields, to: &json) }
                json.endArray()
            } else {
                write(values[index], field.kind, to: &json)
            }
        }
        json.end()
    }

    private static func write(_ value: FieldValue, _ kind: FieldKind, to json: inout JSONWriter) {
        switch (kind, value) {
        case (.seconds, .number(let ms)): json.seconds(ms: ms)
        case (.time, .number(let ms)): json.time(ms)
        case (.offerId, .number(let number)): json.id(number)
        case (_, .number(let number)): json.number(number)
        case (.userId, .id(let high, let low)): json.user(UserID(high: high, low: low))
        case (_, .id(let high, let low)): json.uuid(high, low)
        case (_, .text(let text)): json.text(text)
        default: violated("\(value) is no value of a \(kind)")
        }
    }

    /// What the table promises to those who use the values.
    private static func check(_ values: [FieldValue], _ fields: Fields) {
        expect(values.count == fields.list.count, "\(values.count) values of \(fields.list.count) fields")
        for (field, value) in zip(fields.list, values) {
            expect(!field.isRequired || !value.isAbsent, "\(field.name) is missing")
            switch (field.kind, value) {
            case (_, .absent): break
            case (.integer(let range), .number(let number)): expect(range.contains(number), "\(field.name): \(number)")
            case (.seconds(let maxMs), .number(let ms)): expect(ms <= maxMs, "\(field.name): \(ms)")
            case (.time, .number(let ms)): expect(ms <= Timestamp.msMax, "\(field.name): \(ms)")
            case (.offerId, .number(let number)): expect(number > 0, "\(field.name) is 0")
            case (.userId, .id(let high, let low)), (.uuid, .id(let high, let low)),
                (.operationId, .id(let high, let low)):
                expect(high | low != 0, "\(field.name) is no id")
            case (.text(let size), .text(let text)): expect(size.contains(text.utf8.count), "\(field.name): \(text)")
            case (.choice(let all), .text(let text)): expect(all.contains(text), "\(field.name): \(text)")
            case (.choices(let all), .text(let text)):
                expect(text.split(separator: ",").allSatisfy { all.contains(String($0)) }, "\(field.name): \(text)")
            case (.position, .text(let text)): expect(TailPosition(text) != nil, "\(field.name): \(text)")
            case (.objects(let inner, let count), .objects(let all)):
                expect(count.contains(all.count / inner.list.count), "\(field.name): \(all.count) values")
                for start in stride(from: 0, to: all.count, by: inner.list.count) {
                    check(Array(all[start..<(start + inner.list.count)]), inner)
                }
            default: violated("\(value) is no value of a \(field.kind)")
            }
        }
    }

    private static func check(_ problem: Problem) {
        expect((400..<500).contains(problem.code.row.status), "a bad request is answered with \(problem)")
        var json = JSONWriter()
        problem.write(to: &json)
        let bytes = Data(json.buffer.readableBytesView)
        expect(
            (try? JSONSerialization.jsonObject(with: bytes)) is [String: Any],
            "the body of a problem is no JSON: \(String(buffer: json.buffer))")
    }

    // MARK: Queries and heads

    private static func query(_ text: String, _ fields: Fields) {
        let read = Result { () throws(Problem) in try Query.values(fields, text[...]) }
        switch read {
        case .failure(let problem): check(problem)
        case .success(let values):
            check(values, fields)
            checkNumbers(text, fields)
            let pairs = zip(fields.list, values).compactMap { field, value -> String? in
                guard let text = spelling(value, field.kind) else { return nil }
                return "\(field.name)=\(encoded(text))"
            }
            let again = Result { () throws(Problem) in try Query.values(fields, pairs.joined(separator: "&")[...]) }
            guard case .success(let same) = again, "\(same)" == "\(values)" else {
                violated("\(text) is read as \(values), written as \(pairs), and that is read as \(again)")
            }
        }
    }

    /// A number in a query has the letters of a number, as the OpenAPI document says: nothing hexadecimal, no names.
    private static func checkNumbers(_ text: String, _ fields: Fields) {
        for pair in text.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, let field = fields.list.first(where: { $0.name == parts[0] }) else { continue }
            switch field.kind {
            case .integer, .seconds:
                let isNumber = parts[1].removingPercentEncoding?.utf8.allSatisfy { "0123456789.eE+-".utf8.contains($0) }
                expect(isNumber != false, "\(pair) passes for a number")
            default: break
            }
        }
    }

    /// As a query has it, and as texts and numbers stand in JSON; nil of a value that is absent.
    static func spelling(_ value: FieldValue, _ kind: FieldKind) -> String? {
        var json = JSONWriter()
        if value.isAbsent { return nil }
        write(value, kind, to: &json)
        if case .text(let text) = value { return text }
        return String(buffer: json.buffer).filter { $0 != "\"" }
    }

    private static func encoded(_ text: String) -> String {
        text.utf8.map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "%0\(digits)" : "%\(digits)"
        }.joined()
    }

    private static func key(_ header: String) {
        let read = Result { () throws(Problem) in try IdempotencyKey.read(header) }
        if case .failure(let problem) = read { check(problem) }
        if case .success(let key) = read {
            expect((1...255).contains(key.unicodeScalars.count), "a key of \(key.unicodeScalars.count) characters")
        }
        // What HTTP carries, and without the blanks that it takes away.
        let isCarried = header.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7f || $0 == "\t" }
        let blanks: [Character] = [" ", "\t"]
        guard isCarried, let first = header.first, let last = header.last, !blanks.contains(first),
            !blanks.contains(last)
        else { return }
        let isInDocument = header.range(of: IdempotencyKey.pattern, options: .regularExpression) != nil
        let isRead = (try? read.get()) != nil
        expect(isInDocument == isRead, "the document says \(isInDocument) of the key \(header.debugDescription)")
    }

    private static func time(_ text: String) {
        guard let ms = Timestamp.ms(text) else { return }
        var json = JSONWriter()
        json.time(ms)
        let written = String(buffer: json.buffer).filter { $0 != "\"" }
        expect(Timestamp.ms(written) == ms, "\(text) is \(ms) ms, written as \(written)")
        // Another reader, which knows no fractions, and not every letter that we read.
        let fraction = text.firstIndex(of: ".").map { text[$0...].prefix { ".0123456789".contains($0) } } ?? ""
        let whole = text.replacing(fraction, with: "", maxReplacements: 1)
        guard let date = try? Date(whole, strategy: .iso8601) else { return }
        expect(UInt64(date.timeIntervalSince1970) == ms / 1000, "\(text) is \(date) to another, and to us \(written)")
    }

    /// RFC 9110, 5.6.2: the letters of a header's name.
    private static func isOfName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"):
            true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }

    private static func head(_ text: String) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { $0.filter { $0 != "\r" } }
        var headers = HTTPHeaders()
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            // Other names are refused by the decoder.
            guard parts.count == 2, !parts[0].isEmpty, parts[0].utf8.allSatisfy(isOfName) else { continue }
            headers.add(name: String(parts[0]), value: parts[1].trimmingCharacters(in: .whitespaces))
        }
        let uri = lines.first ?? "/"
        let head = RequestHead(HTTPRequestHead(version: .http1_1, method: .POST, uri: uri, headers: headers))
        _ = (head.isJSON, head.hasBody, head.has("\"1\""), head.acceptsGzip)
        expect(uri.hasPrefix(head.path), "\(head.path) does not begin \(uri)")
        guard let (place, arguments) = tree.find(head.path) else { return }
        expect(!place.methods.isEmpty && arguments.allSatisfy { !$0.isEmpty }, "\(uri) leads to nothing")
    }
}
