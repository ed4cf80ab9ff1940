import Foundation

/// Holds answers against an OpenAPI document: the status must be listed, and a body must have the members of its
/// schema, all that are required and no others.
struct Contract {
    private let paths: [String: Any]
    private let schemas: [String: Any]

    init(_ document: [String: Any]) {
        paths = document["paths"] as? [String: Any] ?? [:]
        schemas = (document["components"] as? [String: Any])?["schemas"] as? [String: Any] ?? [:]
    }

    func faults(_ method: String, _ target: String, _ answer: HTTPAnswer) -> [String] {
        let path = target.split(separator: "?")[0].split(separator: "/").map(String.init)
        guard method != "HEAD", method != "OPTIONS",
            let template = paths.keys.first(where: { matches($0.split(separator: "/").map(String.init), path) }),
            let operation = (paths[template] as? [String: Any])?[method.lowercased()] as? [String: Any]
        else { return [] }
        guard let responses = operation["responses"] as? [String: Any],
            let response = responses["\(answer.status)"] as? [String: Any]
        else { return ["the document has no status \(answer.status) here"] }
        // Nothing stands behind the head of a 304.
        if answer.status == 304 { return answer.body.isEmpty ? [] : ["a 304 has no body"] }
        let type = answer.headers["content-type"] ?? "none"
        guard let content = response["content"] as? [String: Any], let media = content[type] as? [String: Any]
        else {
            return ["the document has no content of type \(type) for \(answer.status)"]
        }
        guard type.hasSuffix("json"), answer.headers["content-encoding"] == nil, template != "/openapi.json",
            let schema = media["schema"] as? [String: Any]
        else { return [] }
        guard let value = try? JSONSerialization.jsonObject(with: Data(answer.body)) else {
            return ["the body is no JSON"]
        }
        return faults(value, schema, at: "")
    }

    /// A value that came by another way than as an answer, such as in an event.
    func faults(_ value: Any, schema name: String) -> [String] {
        faults(value, ["$ref": "#/components/schemas/\(name)"], at: "")
    }

    private func matches(_ template: [String], _ path: [String]) -> Bool {
        template.count == path.count && zip(template, path).allSatisfy { $0.hasPrefix("{") || $0 == $1 }
            // What is written out goes before what may be anything.
            && !(template.contains { $0.hasPrefix("{") } && paths.keys.contains("/" + path.joined(separator: "/")))
    }

    private func faults(_ value: Any, _ schema: [String: Any], at place: String) -> [String] {
        if let reference = schema["$ref"] as? String {
            let name = String(reference.split(separator: "/").last ?? "")
            return faults(value, schemas[name] as? [String: Any] ?? [:], at: place)
        }
        if let all = schema["allOf"] as? [[String: Any]] { return all.flatMap { faults(value, $0, at: place) } }
        if let any = schema["anyOf"] as? [[String: Any]] {
            let each = any.map { faults(value, $0, at: place) }
            return each.contains { $0.isEmpty } ? [] : each.flatMap { $0 }
        }
        if let choices = schema["enum"] as? [String] {
            return choices.contains("\(value)") ? [] : ["\(place) is \(value), not one of \(choices)"]
        }
        if let object = value as? [String: Any] {
            let properties = schema["properties"] as? [String: Any] ?? [:]
            let required = schema["required"] as? [String] ?? []
            var faults = required.filter { object[$0] == nil }.map { "\(place).\($0) is missing" }
            if schema["additionalProperties"] as? Bool == false {
                faults += object.keys.filter { properties[$0] == nil }.map {
                    "\(place).\($0) is not in the document"
                }
            }
            if let type = schema["type"] as? String, type != "object" { faults.append("\(place) is an object") }
            for (name, inner) in properties {
                guard let value = object[name], let inner = inner as? [String: Any] else { continue }
                faults += self.faults(value, inner, at: "\(place).\(name)")
            }
            return faults
        }
        if let array = value as? [Any] {
            guard schema["type"] as? String == "array" else { return ["\(place) is an array"] }
            let items = schema["items"] as? [String: Any] ?? [:]
            return array.flatMap { faults($0, items, at: "\(place)[]") }
        }
        return isOfType(value, schema) ? [] : ["\(place) is \(value), not \(schema["type"] ?? "?")"]
    }

    private func isOfType(_ value: Any, _ schema: [String: Any]) -> Bool {
        let types = (schema["type"] as? [String]) ?? [schema["type"] as? String ?? ""]
        if let text = value as? String {
            guard types.contains("string") else { return false }
            guard let pattern = schema["pattern"] as? String else { return true }
            return text.range(of: pattern, options: .regularExpression) != nil
        }
        if value is NSNull { return types.contains("null") }
        return types.contains("integer") || types.contains("number") || types.contains("boolean")
    }
}
