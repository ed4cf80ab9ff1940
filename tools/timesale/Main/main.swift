// timesale: the command line. Everything is in CommandLineTool, where tests can import it.

import CommandLineTool
import Glibc

exit(await Tool.run(Array(CommandLine.arguments.dropFirst())))
