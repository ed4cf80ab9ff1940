import Foundation
import Fuzzing

exit(FuzzProgram.main([HTTPTarget.target], CommandLine.arguments))
