#if LIBFUZZER
    import Glibc

    /// libFuzzer, which comes with the compiler: it finds inputs that run code no other input has run.
    enum LibFuzzer {
        nonisolated(unsafe) fileprivate static var target: FuzzTarget?

        /// Runs it with its own options; it ends the process if an input kills it.
        static func run(_ target: FuzzTarget, _ arguments: [String]) -> Int32 {
            self.target = target
            var count = Int32(arguments.count)
            let texts = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: arguments.count + 1)
            for (index, argument) in arguments.enumerated() { texts[index] = strdup(argument) }
            texts[arguments.count] = nil
            var list: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = texts
            return runDriver(&count, &list) { bytes, count in
                LibFuzzer.target?.run(UnsafeRawBufferPointer(start: bytes, count: count))
                return 0
            }
        }
    }

    @_silgen_name("LLVMFuzzerRunDriver")
    private func runDriver(
        _ count: UnsafeMutablePointer<Int32>,
        _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
        _ input: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
    ) -> Int32
#endif
