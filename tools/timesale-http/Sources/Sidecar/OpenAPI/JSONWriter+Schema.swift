// JSON Schema of requests and answers.
extension JSONWriter {
    mutating func object(_ write: (inout JSONWriter) -> Void) {
        begin()
        write(&self)
        end()
    }

    mutating func array(_ write: (inout JSONWriter) -> Void) {
        beginArray()
        write(&self)
        endArray()
    }

    mutating func member(_ name: StaticString, _ text: String) {
        key(name)
        self.text(text)
    }

    mutating func reference(_ name: String) {
        object {
            $0.key("$ref")
            $0.text("#/components/schemas/\(name)")
        }
    }

    // MARK: Requests

    mutating func schema(of fields: Fields) {
        object {
            $0.member("type", "object")
            $0.key("additionalProperties")
            $0.flag(false)
            $0.key("required")
            $0.array { for field in fields.list where field.isRequired { $0.text(field.name) } }
            $0.key("properties")
            $0.object {
                for field in fields.list {
                    $0.key(field.name)
                    $0.schema(of: field.kind, about: field.about)
                }
            }
        }
    }

    mutating func schema(of kind: FieldKind, about: String? = nil) {
        object {
            if let about { $0.member("description", about) }
            switch kind {
            case .offerId: $0.idSchema(isUUIDToo: false)
            case .userId: $0.idSchema(isUUIDToo: true)
            case .operationId:
                $0.member("type", "string")
                $0.member("format", "uuid")
                let hex = "[0-9a-fA-F]"
                $0.member("pattern", "^\(hex){8}-\(hex){4}-[78]\(hex){3}-[89abAB]\(hex){3}-\(hex){12}$")
            case .uuid:
                $0.member("type", "string")
                $0.member("format", "uuid")
            case .integer(let range):
                $0.member("type", "integer")
                $0.key("minimum")
                $0.number(range.lowerBound)
                $0.key("maximum")
                $0.number(range.upperBound)
            case .seconds(let maxMs):
                $0.member("type", "number")
                $0.key("minimum")
                $0.number(0)
                $0.key("maximum")
                $0.number(maxMs / 1000)
            case .time:
                $0.member("type", "string")
                $0.member("format", "date-time")
            case .text(let size):
                $0.member("type", "string")
                $0.key("minLength")
                $0.number(UInt64(size.lowerBound))
                $0.key("maxLength")
                $0.number(UInt64(size.upperBound))
            case .choice(let choices):
                $0.member("type", "string")
                $0.key("enum")
                $0.array { for choice in choices { $0.text(choice) } }
            case .choices(let choices):
                let one = "(\(choices.joined(separator: "|")))"
                $0.member("type", "string")
                $0.member("pattern", "^\(one)(,\(one))*$")
            case .position:
                $0.member("type", "string")
                $0.member("pattern", "^(0|[1-9][0-9]{0,18})(\\.(0|[1-9][0-9]{0,8}))?$")
            case .objects(let fields, let count):
                $0.member("type", "array")
                $0.key("minItems")
                $0.number(UInt64(count.lowerBound))
                $0.key("maxItems")
                $0.number(UInt64(count.upperBound))
                $0.key("items")
                $0.reference(fields.name)
            }
        }
    }

    private mutating func idSchema(isUUIDToo: Bool) {
        key("oneOf")
        array {
            $0.object {
                $0.member("type", "integer")
                $0.key("minimum")
                $0.number(1)
                $0.key("maximum")
                $0.number(UInt64.max)
            }
            $0.object {
                $0.member("type", "string")
                let number = "[1-9][0-9]{0,18}"
                let uuid = "[1-9a-f][0-9a-f]{7}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
                $0.member("pattern", isUUIDToo ? "^(\(number)|\(uuid))$" : "^\(number)$")
            }
        }
    }

    // MARK: Answers

    mutating func schema(of shape: ObjectShape) {
        object {
            $0.member("type", "object")
            $0.member("description", shape.about)
            $0.key("additionalProperties")
            $0.flag(shape.isOpen)
            $0.key("required")
            $0.array { for member in shape.members where !member.isOptional { $0.text(member.name) } }
            $0.key("properties")
            $0.object {
                for member in shape.members {
                    $0.key(member.name)
                    $0.schema(of: member)
                }
            }
        }
    }

    private mutating func schema(of member: ObjectShape.Member) {
        object {
            $0.member("description", member.about)
            guard member.isNullable else { return $0.schema(of: member.kind) }
            $0.key("anyOf")
            $0.array {
                $0.object { $0.schema(of: member.kind) }
                $0.object { $0.member("type", "null") }
            }
        }
    }

    /// The members of the schema itself.
    private mutating func schema(of kind: ObjectShape.Kind) {
        switch kind {
        case .offerId:
            member("type", "string")
            member("pattern", "^[0-9]+$")
        case .userId:
            member("type", "string")
            member("pattern", "^([0-9]+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$")
        case .uuid:
            member("type", "string")
            member("format", "uuid")
        case .integer:
            member("type", "integer")
            key("minimum")
            number(0)
        case .number:
            member("type", "number")
            key("minimum")
            number(0)
        case .time:
            member("type", "string")
            member("format", "date-time")
        case .text: member("type", "string")
        case .flag: member("type", "boolean")
        case .choice(let choices):
            member("type", "string")
            key("enum")
            array { for choice in choices { $0.text(choice) } }
        case .object(let shape):
            key("$ref")
            text("#/components/schemas/\(shape.name)")
        case .objects(let shape):
            member("type", "array")
            key("items")
            reference(shape.name)
        case .anything: member("type", "object")
        }
    }

    mutating func listSchema(of shape: ObjectShape) {
        object {
            $0.member("type", "object")
            $0.key("required")
            $0.array {
                $0.text("items")
                $0.text("nextCursor")
            }
            $0.key("additionalProperties")
            $0.flag(false)
            $0.key("properties")
            $0.object {
                $0.key("items")
                $0.object {
                    $0.member("type", "array")
                    $0.key("items")
                    $0.reference(shape.name)
                }
                $0.key("nextCursor")
                $0.object {
                    $0.member("description", "The `cursor` of the next page; null: this is the last one.")
                    $0.key("type")
                    $0.array {
                        $0.text("string")
                        $0.text("null")
                    }
                }
            }
        }
    }

    mutating func resultsSchema(of shape: ObjectShape) {
        object {
            $0.member("type", "object")
            $0.key("required")
            $0.array { $0.text("results") }
            $0.key("additionalProperties")
            $0.flag(false)
            $0.key("properties")
            $0.object {
                $0.key("results")
                $0.object {
                    $0.member("type", "array")
                    $0.key("items")
                    $0.object {
                        $0.key("anyOf")
                        $0.array {
                            $0.reference(shape.name)
                            $0.reference("EntryProblem")
                        }
                    }
                }
            }
        }
    }

    /// The schemas of problems, and of the table of their codes.
    mutating func problemSchema() {
        func properties(_ json: inout JSONWriter, isWhole: Bool) {
            json.key("properties")
            json.object {
                if isWhole {
                    for name: StaticString in ["type", "title", "detail"] {
                        $0.key(name)
                        $0.object { $0.member("type", "string") }
                    }
                }
                $0.key("status")
                $0.object { $0.member("type", "integer") }
                $0.key("code")
                $0.object {
                    $0.member("type", "string")
                    $0.key("enum")
                    $0.array { for code in ProblemCode.allCases { $0.text(code.name) } }
                }
                $0.key("retryable")
                $0.object { $0.member("type", "boolean") }
            }
        }
        key("Problem")
        object {
            $0.member("description", "A refusal (RFC 9457).")
            $0.member("type", "object")
            $0.key("required")
            $0.array { for name in ["type", "title", "status", "code", "retryable"] { $0.text(name) } }
            properties(&$0, isWhole: true)
            $0.key("x-codes")
            $0.object {
                for code in ProblemCode.allCases {
                    $0.key(code.name)
                    $0.object {
                        $0.key("status")
                        $0.number(UInt64(code.status))
                        $0.member("title", code.row.title)
                        $0.key("retryable")
                        $0.flag(code.row.retryAfterSeconds != nil)
                    }
                }
            }
        }
        key("EntryProblem")
        object {
            $0.member("description", "Why an entry of a batch was refused.")
            $0.member("type", "object")
            $0.key("required")
            $0.array { for name in ["status", "code", "retryable"] { $0.text(name) } }
            properties(&$0, isWhole: false)
        }
    }
}

extension FieldKind {
    /// What a parameter of a path is.
    static func ofParameter(_ name: String, path: String) -> FieldKind {
        switch name {
        case "userId": .userId
        case "id" where path.hasPrefix("/v1/timesales") || path.hasPrefix("/v1/coupon-policies"): .offerId
        default: .operationId
        }
    }
}
