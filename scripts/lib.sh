# Shared by the scripts: where the project is, and whether this machine can build it. Sourced, not run; works in the project's root,
# or with the argument 'stay' where the caller is.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
[ "${1:-}" = stay ] || cd "$root"
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_CLI_UI_LANGUAGE=en

fail() {
  echo "$0: $*" >&2
  exit 1
}

# The .NET 10 SDK is the one thing that a person installs.
require_sdk() {
  command -v dotnet >/dev/null ||
    fail "the .NET 10 SDK is missing ('dotnet' is not on PATH). Install it from https://dotnet.microsoft.com/download/dotnet/10.0 and run this again."
  dotnet --list-sdks | grep -q '^10\.' ||
    fail "the .NET 10 SDK is missing; found: $(dotnet --list-sdks | cut -d' ' -f1 | paste -sd' '). Install it from https://dotnet.microsoft.com/download/dotnet/10.0 and run this again."
  [ "$(uname -sm)" = "Linux x86_64" ] ||
    fail "this is $(uname -sm); KaleidoDist runs on Linux x86_64."
}

# Builds the whole solution, or only the program when told so.
build() {
  local target=${1:-KaleidoDist.sln}
  dotnet build "$target" -c Release --nologo -v quiet -clp:NoSummary
}

kaleido="$root/artifacts/publish/KaleidoDist.Cli/release_linux-x64/kaleido"
