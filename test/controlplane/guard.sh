# The guard of one control plane: a process that outlives the one that started the plane, by a moment.
#
# It waits until its standard input ends, and that happens when the plane is stopped and when the
# process that holds the other end dies, be it by SIGKILL. Then it kills what still runs of the plane
# and removes the plane's directory.
#
# Every program of a plane is started by a script in launch/, which leaves a file in running/ named by
# its process id and then becomes the program, called by its name in programs/. Renaming running/
# comes first, so that a script that is just starting fails instead of being missed. The path in the
# command line, of a program or still of its script, tells it from another that got the number of a
# dead one.
directory=$1

trap '' HUP INT TERM
cat >/dev/null

is_ours() {
  { tr '\0' ' ' <"/proc/$1/cmdline" || ps -o args= -p "$1"; } 2>/dev/null | grep -qF "$directory/"
}

mv "$directory/running" "$directory/ended"
cd "$directory/ended" || exit
for pid in *; do
  if is_ours "$pid"; then kill -KILL "$pid"; fi
done
for pid in *; do
  while is_ours "$pid"; do sleep 0.01; done
done

# Whatever else wrote here, kubectl for one, may do so once more.
cd /
attempts=0
until rm -rf "$directory" || [ "$attempts" -ge 100 ]; do
  attempts=$((attempts + 1))
  sleep 0.05
done
