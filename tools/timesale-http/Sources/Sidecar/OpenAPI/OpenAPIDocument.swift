import NIOCore

/// The OpenAPI 3.1 document, made from the tables that the server itself goes by.
struct OpenAPIDocument {
    private let routes: [Route]
    private var objects: [String: ObjectShape] = [:]
    private var bodies: [String: Fields] = [:]

    init(_ routes: [Route]) {
        self.routes = routes
        for route in routes {
            switch route.answer {
            case .object(let shape), .list(let shape), .results(let shape), .stream(let shape): add(shape)
            case .other: break
            }
            if let body = route.body, !body.list.isEmpty { add(body) }
        }
    }

    private mutating func add(_ shape: ObjectShape) {
        objects[shape.name] = shape
        for member in shape.members {
            switch member.kind {
            case .object(let inner), .objects(let inner): add(inner)
            default: break
            }
        }
    }

    private mutating func add(_ fields: Fields) {
        bodies[fields.name] = fields
        for field in fields.list { if case .objects(let inner, _) = field.kind { add(inner) } }
    }

    var buffer: ByteBuffer {
        var json = JSONWriter(capacity: 64 << 10)
        json.object {
            $0.member("openapi", "3.1.0")
            $0.member("jsonSchemaDialect", "https://json-schema.org/draft/2020-12/schema")
            $0.key("info")
            $0.object {
                $0.member("title", "timesale")
                $0.member("version", "1")
                $0.member("description", Self.introduction)
            }
            $0.key("security")
            $0.array {
                $0.object {
                    $0.key("bearer")
                    $0.array { _ in }
                }
            }
            $0.key("paths")
            writePaths(&$0)
            $0.key("components")
            $0.object { writeComponents(&$0) }
        }
        return json.buffer
    }

    private static let introduction = """
        Flash sales, coupons and points over HTTP. Every POST takes an Idempotency-Key: the same key with the same \
        content has one effect and the same answer, also after a restart of anything. Problems are \
        application/problem+json; `code` says which, `retryable` whether to send the same again.
        """

    // MARK: Paths

    private func writePaths(_ json: inout JSONWriter) {
        var paths: [String] = []
        for route in routes where !paths.contains(route.path) { paths.append(route.path) }
        json.object {
            for path in paths {
                $0.key(path)
                $0.object {
                    for route in routes where route.path == path {
                        $0.key(route.method.rawValue.lowercased())
                        write(route, &$0)
                    }
                }
            }
        }
    }

    private func write(_ route: Route, _ json: inout JSONWriter) {
        json.object {
            $0.member("operationId", operationId(route))
            $0.member("description", route.about)
            if route.scope == .none {
                $0.key("security")
                $0.array { _ in }
            } else {
                $0.member("x-scope", route.scope.rawValue)
            }
            writeParameters(route, &$0)
            if let body = route.body { writeBody(body, &$0) }
            $0.key("responses")
            writeResponses(route, &$0)
        }
    }

    /// Such as `post_timesales_id_orders`.
    private func operationId(_ route: Route) -> String {
        let words = route.path.split { !$0.isLetter && !$0.isNumber }.filter { $0 != "v1" }
        return ([route.method.rawValue.lowercased()] + words.map(String.init)).joined(separator: "_")
    }

    private func writeParameters(_ route: Route, _ json: inout JSONWriter) {
        json.key("parameters")
        json.array {
            for name in route.parameters {
                $0.object {
                    $0.member("name", name)
                    $0.member("in", "path")
                    $0.key("required")
                    $0.flag(true)
                    $0.key("schema")
                    $0.schema(of: FieldKind.ofParameter(name, path: route.path))
                }
            }
            for field in route.query.list {
                $0.object {
                    $0.member("name", field.name)
                    $0.member("in", "query")
                    $0.member("description", field.about)
                    $0.key("required")
                    $0.flag(field.isRequired)
                    $0.key("schema")
                    $0.schema(of: field.kind)
                }
            }
            if route.isChange {
                $0.object {
                    $0.key("$ref")
                    $0.text("#/components/parameters/IdempotencyKey")
                }
            }
        }
    }

    private func writeBody(_ fields: Fields, _ json: inout JSONWriter) {
        json.key("requestBody")
        json.object {
            $0.key("required")
            $0.flag(fields.list.contains(where: \.isRequired))
            $0.key("content")
            $0.object {
                $0.key("application/json")
                $0.object {
                    $0.key("schema")
                    if fields.list.isEmpty {
                        $0.object {
                            $0.member("type", "object")
                            $0.key("additionalProperties")
                            $0.flag(false)
                        }
                    } else {
                        $0.reference(fields.name)
                    }
                }
            }
        }
    }

    private func writeResponses(_ route: Route, _ json: inout JSONWriter) {
        json.object {
            $0.key("\(route.status)")
            writeSuccess(route, &$0)
            if route.hasTag {
                $0.key("304")
                $0.object { $0.member("description", "The caller has this version, as its If-None-Match says.") }
            }
            let codes = Dictionary(grouping: Set(route.allProblems), by: \.status)
            for status in codes.keys.sorted() {
                let names = (codes[status] ?? []).map(\.name).sorted()
                $0.key("\(status)")
                $0.object {
                    $0.member("description", names.joined(separator: ", "))
                    $0.key("content")
                    $0.object {
                        $0.key("application/problem+json")
                        $0.object {
                            $0.key("schema")
                            $0.object {
                                $0.key("allOf")
                                $0.array {
                                    $0.reference("Problem")
                                    $0.object {
                                        $0.key("properties")
                                        $0.object {
                                            $0.key("code")
                                            $0.object {
                                                $0.key("enum")
                                                $0.array { for name in names { $0.text(name) } }
                                            }
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    private func writeSuccess(_ route: Route, _ json: inout JSONWriter) {
        json.object {
            $0.member("description", route.about)
            if route.status == 201 || route.isChange {
                $0.key("headers")
                $0.object {
                    if route.status == 201 {
                        $0.key("Location")
                        $0.object {
                            $0.member("description", "The path of what was made.")
                            $0.key("required")
                            $0.flag(true)
                            $0.key("schema")
                            $0.object { $0.member("type", "string") }
                        }
                    }
                    if route.isChange {
                        $0.key("Idempotency-Replayed")
                        $0.object {
                            $0.member("description", "true: it had been done before, with this key.")
                            $0.key("schema")
                            $0.object {
                                $0.key("enum")
                                $0.array { $0.text("true") }
                            }
                        }
                    }
                }
            }
            $0.key("content")
            $0.object { writeContent(route.answer, &$0) }
        }
    }

    private func writeContent(_ answer: Shape, _ json: inout JSONWriter) {
        func content(_ type: String, _ json: inout JSONWriter, _ schema: (inout JSONWriter) -> Void) {
            json.key(type)
            json.object {
                $0.key("schema")
                schema(&$0)
            }
        }
        switch answer {
        case .object(let shape): content("application/json", &json) { $0.reference(shape.name) }
        case .list(let shape):
            content("application/json", &json) {
                $0.listSchema(of: shape)
            }
        case .results(let shape):
            content("application/json", &json) { $0.resultsSchema(of: shape) }
        case .stream: content("text/event-stream", &json) { $0.object { $0.member("type", "string") } }
        case .other(let type): content(type, &json) { $0.object { _ in } }
        }
    }

    // MARK: Components

    private func writeComponents(_ json: inout JSONWriter) {
        json.key("securitySchemes")
        json.object {
            $0.key("bearer")
            $0.object {
                $0.member("type", "http")
                $0.member("scheme", "bearer")
            }
        }
        json.key("parameters")
        json.object {
            $0.key("IdempotencyKey")
            $0.object {
                $0.member("name", "Idempotency-Key")
                $0.member("in", "header")
                $0.member("description", "The same key with the same content has one effect. Quoted or bare; in UTF-8.")
                $0.key("schema")
                $0.object {
                    $0.member("type", "string")
                    $0.member("pattern", IdempotencyKey.pattern)
                }
            }
        }
        json.key("schemas")
        json.object {
            $0.problemSchema()
            for name in objects.keys.sorted() {
                if let shape = objects[name] {
                    $0.key(name)
                    $0.schema(of: shape)
                }
            }
            for name in bodies.keys.sorted() {
                if let fields = bodies[name] {
                    $0.key(name)
                    $0.schema(of: fields)
                }
            }
        }
    }
}
