#!/bin/bash
# A sweep as array jobs of a real Slurm (slurmctld, slurmd and munged of Debian, started here: one machine, two nodes),
# one node killed on the way: the same trials.csv but for seconds as on one machine alone. Skipped where Slurm is not
# installed (apt-get install slurmctld slurmd slurm-client munge) or cannot start.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/common.bash"
for program in munged slurmctld slurmd sbatch squeue sinfo; do
    PATH=$PATH:/usr/sbin command -v $program >/dev/null || skip "$program is missing: apt-get install slurmctld slurmd slurm-client munge"
done
PATH=$PATH:/usr/sbin
[ "$(id -u)" -eq 0 ] || skip "munged and slurmctld are started as root here"

cleanup() {
    for name in slurmd-n1 slurmd-n2 slurmctld munged; do
        [ ! -s "$work/$name.pid" ] || kill -KILL "$(cat "$work/$name.pid")" 2>/dev/null || true
    done
    pkill -KILL -f "$work" 2>/dev/null || true
    sleep_ms 100
}

host=$(hostname -s)
base=$((20000 + RANDOM % 20000))
chmod 755 "$work"
mkdir -m 755 munge state spool-n1 spool-n2
dd if=/dev/urandom of=munge/key bs=64 count=1 2>/dev/null
chmod 400 munge/key
munged --key-file="$work/munge/key" --socket="$work/munge/socket" --pid-file="$work/munged.pid" \
    --log-file="$work/munge/log" --seed-file="$work/munge/seed" --force >munge/start 2>&1 || skip "munged does not start: $(tail -1 munge/start)"

cat >slurm.conf <<END
ClusterName=nibble
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$base
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$work/munge/socket,cred_expire=5
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool-%n
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd-%n.pid
SlurmctldLogFile=$work/slurmctld.log
SlurmdLogFile=$work/slurmd-%n.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MailProg=/bin/true
SchedulerParameters=sched_interval=5,batch_sched_delay=0,sched_min_interval=100000
RequeueExit=75
ReturnToService=2
SlurmdTimeout=10
SwitchType=switch/none
NodeName=n[1-2] NodeHostname=$host NodeAddr=127.0.0.1 Port=[$((base + 1))-$((base + 2))] CPUs=1 State=UNKNOWN
PartitionName=all Nodes=n[1-2] Default=YES MaxTime=INFINITE State=UP
END
echo "CgroupPlugin=cgroup/v1" >cgroup.conf
export SLURM_CONF=$work/slurm.conf
slurmctld >slurmctld.start 2>&1 || skip "slurmctld does not start: $(tail -1 slurmctld.start)"
slurmd -N n1 >slurmd.start 2>&1 && slurmd -N n2 >>slurmd.start 2>&1 || skip "slurmd does not start: $(tail -1 slurmd.start)"
for ((i = 0; i < 150; i++)); do
    [ "$(sinfo --noheader --states=idle --format=%D 2>/dev/null || true)" != 2 ] || break
    sleep_ms 100
done
[ "$(sinfo --noheader --states=idle --format=%D)" = 2 ] || skip "the nodes do not come up: $(sinfo --noheader); $(tail -1 slurmctld.log)"

write_config base.yaml 60
cat >sweep.yaml <<'END'
base: base.yaml
seeds: 2
metric: val_accuracy
keep: all
set: {train.checkpoint: 0}
studies:
  float: {}
  rate: {from: float, set: {train.epochs: 20}, parameters: {train.optimizer.adam.lr: '{1e-2,1e-3,1e-4}'}}
END
table() { awk -F, 'BEGIN {OFS = ","} {for (i = 1; i <= NF; i++) if (NR == 1 && $i == "seconds") s = i; $s = ""; print}' "$1/trials.csv"; }
"$nibble" sweep sweep.yaml -o whole --quiet >alone.txt
table whole >alone.csv
mv whole kept

"$nibble" sweep sweep.yaml -o whole --executor slurm --chunk 1 >slurm.txt 2>progress.txt &
child=$!
# The second node goes when it has work.
killed=no
for ((i = 0; i < 600; i++)); do
    kill -0 $child 2>/dev/null || break
    if [ -n "$(squeue --noheader --states=running --nodelist=n2 2>/dev/null || true)" ]; then
        pkill -KILL -f "slurmstepd.*" 2>/dev/null || true
        kill -KILL "$(cat slurmd-n2.pid)" && killed=yes
        break
    fi
    sleep_ms 50
done
if [ $killed = yes ]; then
    # As an operator would: the node is known to be down, and comes back later.
    scontrol update NodeName=n2 State=DOWN Reason=killed
    sleep_ms 1000
    slurmd -N n2
    scontrol update NodeName=n2 State=RESUME || true
fi
status=0
wait $child || status=$?
[ $status -eq 0 ] || fail "the sweep ended with status $status: $(tail -3 progress.txt; tail -2 whole/slurm/*.out)"
table whole >now.csv
cmp alone.csv now.csv || fail "trials.csv differs: $(diff alone.csv now.csv | head -4)"
for run in kept/trials/????; do
    same_bytes "$run" "whole/trials/$(basename "$run")" best.h5 metrics.csv
done
[ $killed = yes ] || fail "no node was killed: the sweep was too short for this machine"
echo "8 trials as array jobs, a node killed on the way: the same table; $(grep -c '^Slurm job' progress.txt) jobs were submitted"
