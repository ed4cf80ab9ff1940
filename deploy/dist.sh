#!/usr/bin/env bash
# Packs a release into dist/: timesale-VERSION-linux-ARCH.tar.gz, and a Debian package of the same. Swift's libraries are
# linked into the executables, so nobody who runs them needs Swift.
#
#   deploy/dist.sh            build, pack
#   deploy/dist.sh --pack     pack what was built before
set -euo pipefail
cd "$(dirname "$0")/.."

swift=${SWIFT:-swift}
scratch=$PWD/.build-dist
out=$PWD/dist
products=(timesaled timesale wal-replay bench)

stop() {
    printf 'dist: %s\n' "$*" >&2
    exit 1
}

for tool in dpkg-deb dpkg-shlibdeps strip; do
    command -v "$tool" >/dev/null || stop "no $tool; on Debian: apt-get install dpkg-dev binutils"
done

release=(-c release --static-swift-stdlib)
if [[ ${1:-} != --pack ]]; then
    for product in "${products[@]}"; do
        "$swift" build "${release[@]}" --scratch-path "$scratch" --product "$product"
    done
    # A package of its own, with a build folder of its own.
    "$swift" build "${release[@]}" --package-path tools/timesale-http --scratch-path "$scratch/http" --product timesale-http
fi

# MARK: What both packages hold

stage=$scratch/stage
rm -rf "$stage"
mkdir -p "$stage/bin" "$stage/completions" "$stage/systemd" "$stage/docs" "$out"
for product in "${products[@]}"; do
    install -m 755 "$scratch/release/$product" "$stage/bin/"
done
install -m 755 "$scratch/http/release/timesale-http" "$stage/bin/"
strip "$stage"/bin/*
# What a loader has to find there and what is Swift's must not meet.
if readelf -d "$stage"/bin/* | grep NEEDED | grep -iE 'swift|foundation|dispatch'; then
    stop "these libraries of Swift are not linked in"
fi
for shell in bash zsh fish; do
    "$stage/bin/timesale" --generate-completion-script "$shell" >"$stage/completions/timesale.$shell"
done
cp deploy/systemd/* "$stage/systemd/"
cp -r README.md LICENSE "$stage/"
cp -r docs/. "$stage/docs/"
find "$stage/docs" -name __pycache__ -prune -exec rm -rf {} +
{
    echo "timesale is licensed under the Apache License 2.0, in LICENSE. Its executables have the following linked in."
    swift_license=$(dirname "$(readlink -f "$(command -v "$swift")")")/../share/swift/LICENSE.txt
    for text in "$swift_license" "$scratch"/checkouts/*/{LICENSE,NOTICE}* "$scratch"/http/checkouts/*/{LICENSE,NOTICE}* \
        "$scratch"/{,http/}checkouts/swift-nio/Sources/CNIOLLHTTP/LICENSE; do
        [[ -f $text ]] || continue
        name=${text##*checkouts/}
        if [[ $text == "$swift_license" ]]; then name=swift/LICENSE.txt; fi
        printf '\n==== %s\n\n' "$name"
        cat "$text"
    done
} | awk '/^==== /{skip = seen[$0]++} !skip' >"$stage/third-party-licenses.txt"

version=$("$stage/bin/timesaled" --version)
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+ ]] || stop "timesaled --version says $version"
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH=$epoch

# MARK: The tarball

name=timesale-$version-linux-$(uname -m)
tar --create --gzip --file "$out/$name.tar.gz" --directory "$stage" --transform "s,^\.,$name," \
    --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$epoch" .

# MARK: The Debian package

root=$scratch/deb
rm -rf "$root"
mkdir -p "$root/DEBIAN" "$root/usr/libexec/timesale" "$root/usr/share/doc/timesale"
install -D -m 755 -t "$root/usr/bin" "$stage"/bin/{timesaled,timesale,timesale-http,wal-replay}
# A measuring tool with a common name: not in everybody's PATH.
install -m 755 "$stage/bin/bench" "$root/usr/libexec/timesale/"
install -D -m 644 "$stage/completions/timesale.bash" "$root/usr/share/bash-completion/completions/timesale"
install -D -m 644 "$stage/completions/timesale.zsh" "$root/usr/share/zsh/vendor-completions/_timesale"
install -D -m 644 "$stage/completions/timesale.fish" "$root/usr/share/fish/vendor_completions.d/timesale.fish"
install -D -m 644 -t "$root/lib/systemd/system" deploy/systemd/*.service
install -D -m 644 -t "$root/etc/timesale" deploy/systemd/*.env
cp -r "$stage/docs/." "$stage/README.md" "$stage/third-party-licenses.txt" "$root/usr/share/doc/timesale/"
install -D -m 644 -t "$root/usr/share/doc/timesale/examples" deploy/systemd/*.conf
install -m 644 deploy/debian/copyright "$root/usr/share/doc/timesale/copyright"
install -m 755 deploy/debian/{postinst,prerm,postrm} "$root/DEBIAN/"
(cd "$root" && find etc -type f | sort | sed 's,^,/,') >"$root/DEBIAN/conffiles"

# The libraries that the executables ask for, and the versions that have all they use.
mkdir -p "$scratch/shlibs/debian"
touch "$scratch/shlibs/debian/control"
needs=$(cd "$scratch/shlibs" && dpkg-shlibdeps -O "${root}"/usr/bin/* "$root/usr/libexec/timesale/bench")
needs=${needs#shlibs:Depends=}
[[ $needs == *liburing2* ]] || stop "dpkg-shlibdeps finds no liburing2: $needs"
sed -e "s/@VERSION@/$version/" -e "s/@ARCH@/$(dpkg --print-architecture)/" -e "s/@DEPENDS@/$needs/" \
    -e "s/@SIZE@/$(du -sk --exclude=DEBIAN "$root" | cut -f1)/" deploy/debian/control >"$root/DEBIAN/control"
chmod -R u+rwX,go+rX,go-w "$root"
dpkg-deb --root-owner-group -Zxz --build "$root" "$out/timesale_${version}_$(dpkg --print-architecture).deb" >/dev/null

ls -lh "$out"/*"$version"*
