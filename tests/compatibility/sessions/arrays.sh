# The shell itself: arrays, expansions, arithmetic, functions. Little of the kernel, all of libc.
a=(zero one "two words" [5]=five)
echo "${#a[@]} ${!a[*]}"
printf '<%s>' "${a[@]}"; echo
unset 'a[1]'; a+=(six); echo "${a[@]: -2}"
declare -A m=([x]=1 [y]=2 [z]=3)
for k in $(printf '%s\n' "${!m[@]}" | sort); do echo "$k=${m[$k]}"; done
mapfile -t lines < <(seq 5); echo "${lines[@]:1:3}"
s=/usr/local/lib/file.tar.gz
echo "${s##*/} ${s%.*} ${s%%.*} ${s/local/share} ${s^^} ${#s}"
echo $((1 << 40)) $((0x7fffffffffffffff + 1)) $((17 % 5)) $((-7 / 2)) $((2 ** 10))
fib() { local n=$1; ((n < 2)) && echo "$n" && return; echo $(($(fib $((n - 1))) + $(fib $((n - 2))))); }
fib 10
printf '%05d %x %o %8.3f %-6s| %q\n' 42 255 8 3.14159 left "it's"
printf '%(%Y-%m-%d)T\n' 86400
[[ abc123 =~ ^([a-z]+)([0-9]+)$ ]] && echo "${BASH_REMATCH[1]} ${BASH_REMATCH[2]}"
case word in w*d) echo matched ;;& *) echo also ;; esac
echo {a..e}{1..2} {01..03}
IFS=: read -r x y z <<<"1:2:3:4"; echo "$x $y $z"
set -- one two three; shift; echo "$# $*"
getopts ab: opt -b value; echo "$opt $OPTARG"
declare -i n=5+5; n+=1; echo "$n"
readonly r=1; (r=2) 2>/dev/null; echo "readonly: $?"
echo "${unset_name:-default} ${unset_name:+set}"
(: "${unset_name:?is missing}") 2>/dev/null; echo "missing: $?"
