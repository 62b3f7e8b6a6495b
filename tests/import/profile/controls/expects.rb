ways = [true, false]

# The same matchers, of what is expected rather than described.
ways.each do |way|
  %w[/etc/motd /etc/dangling /etc/nothing /bin/ls].each do |path|
    12.times do |number|
      control "expect-#{number}-#{way}-#{path}" do
        describe 'what is expected' do
          it { expect(file(path)).to way ? exist : be_file } if number.zero?
          it { expect(file(path)).not_to(way ? exist : be_file) } if number == 1
          it { expect(file(path).content).to match(way ? /Welcome/ : /rsh/) } if number == 2
          it { expect(file(path).content).not_to include(way ? 'Welcome' : 'rsh') } if number == 3
          it { expect(file(path).mode).to cmp(way ? '0644' : '0755') } if number == 4
          it { expect(file(path).exist?).to eq way } if number == 5
          it { expect(file(path).exist? && !file(path).symlink?).to be way } if number == 6
          it { expect(file(path).symlink?).to(way ? be_truthy : be_falsey) } if number == 7
          it { expect(file(path).owned_by?('root')).to_not be(way) } if number == 8
          it { expect(package('kept').installed? && file(path).file?).to eq(way), 'not so' } if number == 9
          it 'has several' do
            expect(file(path)).to be_owned_by 'root'
            expect(file(path).size).to be > (way ? 7 : 7_000)
          end if number == 10
          it { expect(file(path)).to be_readable.by(way ? 'owner' : 'other') } if number == 11
        end
      end
    end
    control "subject-#{way}-#{path}" do
      describe file(path) do
        it { expect(subject).to way ? exist : be_executable }
        it { expect(subject.content).to_not include 'rsh' } if way
      end
    end
    control "bare-#{way}-#{path}" do
      expect(file(path)).to way ? exist : be_symlink
    end
  end
end

control 'expect-input' do
  describe 'an input' do
    it { expect(group(input('administrators')).gid).to eq 4 }
    it { expect(user('ann').home).to eq '/home/ann' }
  end
end

# Neither what an example works out before, nor what is known, is a demand.
control 'ruby-expect-first' do
  describe 'an example' do
    it 'works something out' do
      content = file('/etc/motd').content
      expect(content).to include 'rsh'
    end
  end
end

control 'ruby-expect-known' do
  describe 'an input' do
    it { expect(input('limit')).to be > 10 }
  end
end

control 'ruby-expect-half' do
  describe 'an example' do
    it 'has a part without an equal' do
      expect(file('/etc/motd')).to exist
      expect(file('/etc/motd').sha256sum).to eq 'x'
    end
  end
end

control 'ruby-expect-explicit' do
  describe file('/etc/motd') do
    subject { file('/etc/nothing') }
    it { expect(subject).to exist }
  end
end

control 'ruby-expect-no-truth' do
  describe 'a text' do
    it { expect(file('/etc/motd').exist? && input('greeting')).to eq true }
  end
end

control 'ruby-subject-no-truth' do
  describe 'a text' do
    subject { file('/etc/motd').exist? && input('greeting') }
    it { should eq true }
  end
end
