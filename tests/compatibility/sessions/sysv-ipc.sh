# System V IPC through its tools: ipcmk, ipcs, ipcrm. Numbers and keys differ from run to run.
umask 022
shm=$(ipcmk -M 12345 -p 640 | tr -dc 0-9); sem=$(ipcmk -S 5 | tr -dc 0-9); msg=$(ipcmk -Q -p 622 | tr -dc 0-9)
row() { ipcs "$1" | awk -v id="$2" '$2 == id {print $3, $4, $5, $6}'; }
row -m "$shm"; row -s "$sem"; row -q "$msg"
ipcs -m -i "$shm" | grep -E '^(uid|mode|bytes)' | sed 's/cpid=[0-9]*/cpid=/'
ipcs -s -i "$sem" | sed -n '/^nsems/p; /^semnum/,$p' | head -n 4
ipcs -q -i "$msg" | grep -E 'mode|cbytes'
ipcs -p -m | awk -v id="$shm" '$1 == id {print $2, ($3 > 0), $4}'
ipcs -l | grep -E 'max (number|queues|size|ops)|semaphore max|min seg'
awk -v id="$shm" '$2 == id {print $3, $4, $7, ($14 > 0)}' /proc/sysvipc/shm
awk -v id="$sem" '$2 == id {print $3, $4, $9}' /proc/sysvipc/sem
cat /proc/sys/kernel/{sem,msgmnb,msgmni,shmmni}
ipcrm -m "$shm" && ipcrm -s "$sem" && ipcrm -q "$msg" && echo removed
ipcrm -m "$shm" 2>/dev/null; echo "again: $?"
row -m "$shm"; row -s "$sem"; row -q "$msg"
sem=$(ipcmk -S 2 | tr -dc 0-9); key=$(ipcs -s | awk -v id="$sem" '$2 == id {print $1}')
ipcrm -S "$key" && echo by key
